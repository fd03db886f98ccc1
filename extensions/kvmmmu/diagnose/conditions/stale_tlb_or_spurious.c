// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnosis.h"

#define KVM_REQ_TLB_FLUSH	  0
#define KVM_REQ_TLB_FLUSH_CURRENT 34

/*
 * Everybody allows the access now. Healthy, if the fault is a race's left-over; one dump does not
 * tell it from a TLB that was not flushed.
 */
bool km_diagnose_stale_tlb_or_spurious(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_vcpu_stats *s = &c->vcpu->stats;
	bool mostly_spurious = km_is_known(s->pf_taken) && km_is_known(s->pf_spurious) &&
			       s->pf_spurious.v > 100 && s->pf_spurious.v > s->pf_taken.v / 2;
	struct km_val requests = c->vcpu->requests;

	if (!km_case_is_current(c) || !km_case_leaf(c) ||
	    km_case_ruling(c, KM_JUDGE_PROCESSOR) != KM_ALLOWS ||
	    !(c->error_code & PFERR_PRESENT_MASK))
		return false;
	if (!mostly_spurious && !km_case_in_handler(c))
		return false;
	d->certainty = KM_NOTE;
	km_verdict_says(d, "the SPTE permits the access that faulted: it was changed meanwhile "
			   "(healthy), or a TLB still has what it was");
	km_evidence_counters(c, d);
	if (km_is_known(requests) &&
	    requests.v & (KM_BIT(KVM_REQ_TLB_FLUSH) | KM_BIT(KVM_REQ_TLB_FLUSH_CURRENT)))
		km_evidence(d, "a TLB flush is pending: the vCPU flushes before it runs the guest");
	km_leaves_open(d, "if pf_spurious keeps rising at this address, the TLB is stale");
	return true;
}
