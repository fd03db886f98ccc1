// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every leaf of the shadow MMU is in the rmap of its gfn, by which KVM finds it when the host or
 * the guest changes the page: rmap_add(). The TDP MMU has none.
 */
#include "kvm/rmap.h"
#include "audit/look.h"

enum km_look_answer km_audit_rmap(const struct km_look *at, struct km_anomaly *a)
{
	enum km_look_answer answer;

	if (!km_look_is_leaf(at) || at->stale || at->sp->tdp_mmu_page.v)
		return KM_FITS;
	if (at->run > 1 || at->sp->tdp_mmu_page.known == KM_UNREADABLE || !km_look_has_slots(at))
		return KM_CANNOT_TELL;
	/* no-slot; private to KVM or being deleted */
	if (!at->slot || (at->slot->flags & KVM_MEMSLOT_INVALID))
		return KM_FITS;
	answer = km_look_in_rmap(
		at, km_gfn_to_rmap(at->all->kernel, at->slot, at->gfn.v, at->page->level));
	if (answer != KM_ANOMALY)
		return answer;
	km_anomaly_says(a,
			"the rmap of gfn 0x%" PRIx64 " in memslot %" PRId64 " does not contain it",
			at->gfn.v, at->slot->id);
	return KM_ANOMALY;
}
