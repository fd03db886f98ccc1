// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The VMM has unmapped memory that is still part of a memslot: get_user_pages() finds no VMA, and
 * KVM_RUN fails with -EFAULT. hva_to_pfn() of virt/kvm/kvm_main.c.
 */
#include "diagnose/diagnose_rules.h"

#include <inttypes.h>

bool km_rule_host_unmapped(const struct km_case *c, const struct km_slot_conflict *conflict,
			   struct km_diagnosis *d)
{
	if (conflict->slot && !conflict->vma.addr) {
		km_conflict_says(c, conflict,
				 "does not map memory of a writable memslot: accesses to it fail "
				 "with -EFAULT",
				 d);
		return true;
	}
	if (km_host_access(c) != KM_HOST_UNMAPPED ||
	    km_case_ruling(c, KM_JUDGE_PROCESSOR) == KM_ALLOWS)
		return false;
	d->certainty = km_error_certainty(c);
	d->stuck = km_case_is_current(c);
	km_verdict_says(
		d, "the fault is in a memslot, but the VMM maps nothing at its address: KVM cannot "
		   "get the page, KVM_RUN fails with -EFAULT, and the guest does not advance");
	km_evidence(d, "memslot %" PRId64 ", gfn 0x%" PRIx64 ": HVA 0x%" PRIx64 " is in no VMA",
		    c->slot->id, c->gfn, c->hva);
	km_evidence_counters(c, d);
	if (!km_case_in_handler(c))
		km_leaves_open(d, "how the VMM reacts to the error: it may be handling it now");
	return true;
}

bool km_diagnose_host_unmapped(const struct km_case *c, struct km_diagnosis *d)
{
	struct km_slot_conflict conflict;

	km_slot_conflict_read(c, &conflict);
	return km_rule_host_unmapped(c, &conflict, d);
}
