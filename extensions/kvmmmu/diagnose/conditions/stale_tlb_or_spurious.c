// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnose/counters.h"
#include "diagnose/diagnosis.h"

#define KVM_REQ_TLB_FLUSH	  0
#define KVM_REQ_TLB_FLUSH_CURRENT 34

/*
 * All tests now permit the access that faulted. That is healthy if another vCPU fixed it meanwhile;
 * one dump does not distinguish it from a TLB that was not flushed. If nearly all faults are like
 * that, there is a separate finding: spurious-storm.
 */
bool km_diagnose_stale_tlb_or_spurious(const struct km_case *c, struct km_diagnosis *d)
{
	struct km_val requests = c->vcpu->requests;

	if (!km_case_in_handler(c) || !km_case_leaf(c) ||
	    km_case_ruling(c, KM_JUDGE_PROCESSOR) != KM_ALLOWS ||
	    km_case_counts(c).balance == KM_BALANCE_SPURIOUS)
		return false;
	d->certainty = KM_NOTE;
	km_verdict_says(d, "the SPTE permits the access that faulted: the SPTE was changed in the "
			   "meantime (healthy), or a TLB still has its old value");
	km_evidence_counters(c, d);
	if (km_is_known(requests) &&
	    requests.v & (KM_BIT(KVM_REQ_TLB_FLUSH) | KM_BIT(KVM_REQ_TLB_FLUSH_CURRENT)))
		km_evidence(d,
			    "a TLB flush is pending: the vCPU flushes before it enters the guest");
	km_leaves_open(d, "whether the TLB is stale: it is if pf_spurious keeps rising at this "
			  "address");
	return true;
}
