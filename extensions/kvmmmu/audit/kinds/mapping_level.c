// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lpage_info of a memslot says where a page must not be huge: at its ends, where a page table of
 * the guest is shadowed, or where private and shared memory are mixed. Such a huge leaf is zapped
 * or write-protected: kvm_mmu_gfn_disallow_lpage(), kvm_mmu_slot_gfn_write_protect().
 */
#include "audit/look.h"

enum km_look_answer km_audit_mapping_level(const struct km_look *at, struct km_anomaly *a)
{
	const struct km_kernel *k = at->all->kernel;
	km_scoped_error *err = NULL;
	struct km_val array;
	uint64_t index;
	uint32_t disallow;

	if (!km_look_is_leaf(at) || at->stale || at->page->level == PG_LEVEL_4K || !at->spte.w)
		return KM_FITS;
	if (!km_look_has_slots(at))
		return KM_CANNOT_TELL;
	if (!at->slot)
		return KM_FITS;
	array = km_kelem(k, at->slot->addr, KM_M_kvm_memory_slot_lpage_info,
			 (uint32_t)at->page->level - 2);
	if (!km_is_known(array) || !array.v)
		return KM_CANNOT_TELL;
	index = km_gfn_to_index(at->gfn.v, at->slot->base_gfn, at->page->level);
	err = km_read_virt(k->mem, array.v + index * sizeof(disallow), &disallow, sizeof(disallow));
	if (err)
		return KM_CANNOT_TELL;
	if (!disallow)
		return KM_FITS;
	km_anomaly_says(a,
			"it is writable, but lpage_info of memslot %" PRId64
			" disallows level %d here (0x%" PRIx32 ")",
			at->slot->id, at->page->level, disallow);
	return KM_ANOMALY;
}
