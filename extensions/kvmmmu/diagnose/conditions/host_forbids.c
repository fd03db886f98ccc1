// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The VMM's mapping permits no access at all (PROT_NONE): get_user_pages() and with it KVM_RUN fail
 * with -EFAULT. check_vma_flags() of mm/gup.c.
 */
#include "diagnose/diagnose_rules.h"

#include <inttypes.h>

bool km_rule_host_forbids(const struct km_case *c, const struct km_slot_conflict *conflict,
			  struct km_diagnosis *d)
{
	char vma[160];

	if (conflict->slot && conflict->vma.addr && !(conflict->vma.flags.v & VM_READ)) {
		km_conflict_says(c, conflict,
				 "maps memory of a writable memslot without any access "
				 "(PROT_NONE): accesses to it fail with -EFAULT",
				 d);
		return true;
	}
	/* a mapping that is readable and denies a write is for readonly-host */
	if (km_host_access(c) != KM_HOST_FORBIDS || (c->vma.flags.v & VM_READ) ||
	    km_case_ruling(c, KM_JUDGE_PROCESSOR) == KM_ALLOWS)
		return false;
	d->certainty = km_error_certainty(c);
	d->stuck = km_case_is_current(c);
	km_verdict_says(d,
			"the VMM's mapping of the faulting address does not permit %s: KVM cannot "
			"get the page, KVM_RUN fails with -EFAULT, and the guest does not advance",
			c->vma.flags.v & VM_EXEC ? "reads and writes, only execution (PROT_EXEC)"
						 : "any access (PROT_NONE)");
	km_evidence(d, "memslot %" PRId64 ", gfn 0x%" PRIx64 ": HVA 0x%" PRIx64, c->slot->id,
		    c->gfn, c->hva);
	km_evidence(d, "%s: neither VM_READ nor VM_WRITE", km_vma_spell(&c->vma, vma, sizeof(vma)));
	km_evidence_counters(c, d);
	if (!km_case_in_handler(c))
		km_leaves_open(d, "how the VMM reacts to the error: it may be handling it now");
	return true;
}

bool km_diagnose_host_forbids(const struct km_case *c, struct km_diagnosis *d)
{
	struct km_slot_conflict conflict;

	km_slot_conflict_read(c, &conflict);
	return km_rule_host_forbids(c, &conflict, d);
}
