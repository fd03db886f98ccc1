// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every leaf of the shadow MMU is in the rmap of its gfn, by which KVM finds it when the host or
 * the guest changes the page: rmap_add(). The TDP MMU has none.
 */
#include "kvm/rmap.h"
#include "audit/look.h"

enum km_look_answer km_audit_rmap(const struct km_look *at, struct km_anomaly *a)
{
	const struct km_kernel *k = at->all->kernel;
	struct km_val head;

	if (!km_look_is_leaf(at) || at->stale || at->sp->tdp_mmu_page.v)
		return KM_FITS;
	if (at->run > 1 || at->sp->tdp_mmu_page.known == KM_UNREADABLE || !km_look_has_slots(at))
		return KM_CANNOT_TELL;
	/* no-slot; private to KVM or being deleted */
	if (!at->slot || (at->slot->flags & KVM_MEMSLOT_INVALID))
		return KM_FITS;
	head = km_gfn_to_rmap(k, at->slot, at->gfn.v, at->page->level);
	if (!km_is_known(head))
		return KM_CANNOT_TELL;
	switch (km_rmap_search(k, head.v, k->page_offset_base + at->page->pa + 8 * at->index)) {
	case KM_RMAP_HAS:
		return KM_FITS;
	case KM_RMAP_UNKNOWN:
		return KM_CANNOT_TELL;
	case KM_RMAP_LACKS:
		break;
	}
	km_anomaly_says(a,
			"the rmap of gfn 0x%" PRIx64 " in memslot %" PRId64 " does not contain it",
			at->gfn.v, at->slot->id);
	return KM_ANOMALY;
}
