// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A write to a gfn that KVM keeps write-protected, because it shadows a page table of the guest
 * there or a device tracks it: page_fault_handle_page_track(). KVM emulates the write, or drops the
 * shadow page and lets the guest retry. Up to 6.11 it also let the guest retry after a write by the
 * processor's walk of the guest's page tables where there was no shadow page to drop.
 */
#include "diagnose/diagnose_rules.h"

#include <inttypes.h>

static bool is_tracked_write(const struct km_case *c)
{
	return km_case_has_fault(c) && c->slot && c->gfn_known && km_case_is_write(c) &&
	       (c->error_code & PFERR_PRESENT_MASK) && !(c->error_code & PFERR_RSVD_MASK);
}

bool km_rule_write_tracked(const struct km_case *c, const struct km_emulation_facts *f,
			   struct km_diagnosis *d)
{
	bool walk = f->unprotect == KM_UNPROTECT_ALWAYS && km_is_write_to_guest_page_table(c);
	bool event = km_is_known(f->event) && f->event.v;
	bool nothing = f->shadow.known && !f->shadow.count;
	const struct km_walk_level *last = c->has_walk ? km_walk_last(&c->walk) : NULL;

	if (!is_tracked_write(c) || !km_is_known(f->write_track) || !f->write_track.v)
		return false;
	d->certainty = KM_NOTE;
	if (walk && nothing)
		d->certainty = km_case_in_handler(c) ? KM_LIKELY : KM_POSSIBLE;
	else if (event)
		d->certainty = KM_POSSIBLE;
	d->stuck = event || (walk && nothing);
	if (walk && nothing)
		d->known |= KM_BIT(KM_WHEN_GUEST_WALK);
	km_verdict_says(d, "the guest writes to a gfn that KVM keeps write-protected%s",
			walk && nothing
				? ", during a walk of its page tables, and there is no shadow page "
				  "to drop: this kernel keeps re-entering the guest anyway"
			: event ? ", during the delivery of an event, which KVM cannot emulate"
				: ": KVM emulates the write, or drops the shadow page and lets the "
				  "guest retry");
	km_evidence(d, "gfn 0x%" PRIx64 " is write-tracked (count %" PRIu64 ")", c->gfn,
		    f->write_track.v);
	if (f->shadow.known && f->shadow.count)
		km_evidence(d,
			    "number of its shadow pages: %u; the first is 0x%" PRIx64 ", level %u",
			    f->shadow.count, f->shadow.first, f->shadow.level);
	else if (f->shadow.known)
		km_evidence(d,
			    "it has no shadow page: an external user of page tracking tracks it");
	if (last && last->spte.kind == KM_SPTE_PRESENT && last->spte.leaf)
		km_evidence(d, "SPTE 0x%" PRIx64 ": W %d, host-writable %d, MMU-writable %d",
			    last->spte.value, last->spte.w, last->spte.host_writable,
			    last->spte.mmu_writable);
	if (walk)
		km_evidence(d,
			    "error code 0x%" PRIx64 " has GUEST_PAGE, W and P, and this kernel "
			    "has kvm_mmu_unprotect_page()",
			    c->error_code);
	if (event)
		km_evidence(d, "the exit occurred during the delivery of an event (exit_int_info, "
			       "or an event that is to be reinjected)");
	if (walk && !f->shadow.known)
		km_leaves_open(d, "whether there is a shadow page to drop (the hash of shadow "
				  "pages is not readable): if there is none, the vCPU loops");
	else if (d->stuck && d->certainty < KM_LIKELY)
		km_leaves_open(d,
			       "whether the vCPU still faults: the fault may have been resolved");
	return true;
}

bool km_diagnose_write_tracked(const struct km_case *c, struct km_diagnosis *d)
{
	struct km_emulation_facts f;

	if (!is_tracked_write(c))
		return false;
	f = km_emulation_facts_read(c);
	return km_rule_write_tracked(c, &f, d);
}
