// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Without PML, KVM logs a page by the fault of its first write: a writable 4K leaf is logged
 * already, in dirty_bitmap or in a vCPU's dirty ring. make_spte(), fast_pf_fix_direct_spte(),
 * mark_page_dirty_in_slot(), kvm_get_dirty_log_protect(), kvm_dirty_ring_reset(). With PML the
 * processor logs, and its buffer is not examined.
 */
#include "audit/look.h"

/* Is it in dirty_bitmap? */
static struct km_val is_in_bitmap(const struct km_look *at)
{
	uint64_t bit = at->gfn.v - at->slot->base_gfn, word;
	struct km_memory *mem = at->all->kernel->mem;
	km_scoped_error *err = NULL;
	bool before = km_memory_try(mem, true);

	err = km_read_virt(mem, at->slot->dirty_bitmap + bit / 64 * 8, &word, sizeof(word));
	km_memory_try(mem, before);
	return err ? (struct km_val){.known = KM_UNREADABLE} : km_known_val(word >> bit % 64 & 1);
}

enum km_look_answer km_audit_dirty_log(const struct km_look *at, struct km_anomaly *a)
{
	struct km_dirty_rings *rings = &at->all->rings;
	struct km_val ring_size, logged = km_known_val(0);

	if (!km_look_is_leaf(at) || !at->spte.w || at->stale || at->page->level != PG_LEVEL_4K ||
	    !km_look_has_slots(at) || !at->slot || !(at->slot->flags & KVM_MEM_LOG_DIRTY_PAGES))
		return KM_FITS;
	if (at->run > 1 || at->all->kernel->vendor != KM_VENDOR_AMD)
		return KM_CANNOT_TELL;
	ring_size = km_kget(at->all->kernel, at->all->vm->addr, KM_M_kvm_dirty_ring_size);
	if (ring_size.known == KM_UNREADABLE)
		return KM_CANNOT_TELL;
	if (at->slot->dirty_bitmap)
		logged = is_in_bitmap(at);
	if (!km_is_known(logged))
		return KM_CANNOT_TELL;
	if (!logged.v && ring_size.v) {
		if (!rings->read) /* out of memory or Ctrl-C: the next check reports it */
			km_error_free(km_dirty_rings_read(at->all->kernel, at->all->vm, rings));
		if (!rings->known)
			return KM_CANNOT_TELL;
		logged.v = km_dirty_rings_have(rings, at->slots->as_id, at->slot, at->gfn.v);
	} else if (!at->slot->dirty_bitmap) {
		return KM_CANNOT_TELL;
	}
	if (logged.v)
		return KM_FITS;
	km_anomaly_says(a, "it is writable, and %s memslot %" PRId64 "%s",
			ring_size.v ? "no dirty ring contains its page in"
				    : "its bit in dirty_bitmap of",
			at->slot->id, ring_size.v ? "" : " is clear");
	return KM_ANOMALY;
}
