// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kvm_alloc_memslot_metadata() disallows huge pages that are not entirely in the memslot, and all
 * huge pages if gfn and HVA differ in alignment.
 */
#include "audit/look.h"

enum km_look_answer km_audit_huge_page(const struct km_look *at, struct km_anomaly *a)
{
	uint64_t pages = 1ULL << 9 * (at->page->level - 1), hva;

	if (!km_look_is_leaf(at) || at->stale || at->page->level == PG_LEVEL_4K)
		return KM_FITS;
	if (!km_look_has_slots(at))
		return KM_CANNOT_TELL;
	if (!at->slot)
		return KM_FITS;
	hva = at->slot->userspace_addr >> KM_PAGE_SHIFT;
	if (at->gfn.v - at->slot->base_gfn + pages > at->slot->npages)
		km_anomaly_says(a,
				"it maps %" PRIu64 " pages, but memslot %" PRId64
				" ends before the last",
				pages, at->slot->id);
	else if (!(at->slot->flags & KVM_MEMSLOT_GMEM_ONLY) &&
		 ((at->slot->base_gfn ^ hva) & (pages - 1)))
		km_anomaly_says(a, "gfn and HVA of memslot %" PRId64 " differ in alignment",
				at->slot->id);
	else
		return KM_FITS;
	return KM_ANOMALY;
}
