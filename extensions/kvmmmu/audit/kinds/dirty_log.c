// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Without PML, KVM logs a page by the fault of its first write: a writable 4K leaf is logged
 * already. make_spte(), fast_pf_fix_direct_spte(), kvm_get_dirty_log_protect(). With PML the
 * processor logs.
 */
#include "audit/look.h"

enum km_look_answer km_audit_dirty_log(const struct km_look *at, struct km_anomaly *a)
{
	const struct km_kernel *k = at->all->kernel;
	uint64_t bit, word;
	km_scoped_error *err = NULL;
	bool before;

	if (!km_look_is_leaf(at) || !at->spte.w || at->stale || at->page->level != PG_LEVEL_4K ||
	    !km_look_has_slots(at) || !at->slot || !(at->slot->flags & KVM_MEM_LOG_DIRTY_PAGES) ||
	    !at->slot->dirty_bitmap)
		return KM_FITS;
	if (at->run > 1)
		return KM_CANNOT_TELL;
	if (k->vendor != KM_VENDOR_AMD)
		return KM_CANNOT_TELL;
	bit = at->gfn.v - at->slot->base_gfn;
	before = km_memory_try(k->mem, true);
	err = km_read_virt(k->mem, at->slot->dirty_bitmap + bit / 64 * 8, &word, sizeof(word));
	km_memory_try(k->mem, before);
	if (err)
		return KM_CANNOT_TELL;
	if (word >> bit % 64 & 1)
		return KM_FITS;
	km_anomaly_says(
		a, "it is writable, and its bit in dirty_bitmap of memslot %" PRId64 " is clear",
		at->slot->id);
	return KM_ANOMALY;
}
