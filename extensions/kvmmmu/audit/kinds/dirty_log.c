// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Without PML, KVM logs a page by the fault of its first write: a writable 4K leaf is logged
 * already, in dirty_bitmap or in a vCPU's dirty ring. With PML, the processor logs a page when it
 * sets D: a leaf with D is logged already, or in a vCPU's buffer. make_spte(),
 * fast_pf_fix_direct_spte(), mark_page_dirty_in_slot(), kvm_get_dirty_log_protect(),
 * kvm_dirty_ring_reset(), kvm_mmu_clear_dirty_pt_masked(), vmx_flush_pml_buffer().
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

/* Does the vCPU's dirty ring, or dirty_bitmap, have the page? */
static struct km_val is_logged(const struct km_look *at, struct km_val ring_size)
{
	struct km_logged_pages *rings = &at->all->rings;
	struct km_val logged = km_known_val(0);

	if (at->slot->dirty_bitmap)
		logged = is_in_bitmap(at);
	if (!km_is_known(logged) || logged.v)
		return logged;
	if (!ring_size.v)
		return at->slot->dirty_bitmap ? logged : (struct km_val){.known = KM_UNREADABLE};
	if (!rings->read) /* out of memory or Ctrl-C: the next check reports it */
		km_error_free(km_dirty_rings_read(at->all->kernel, at->all->vm, rings));
	if (!rings->known)
		return (struct km_val){.known = KM_UNREADABLE};
	return km_known_val(km_dirty_rings_have(rings, at->slots->as_id, at->slot, at->gfn.v));
}

/* KM_ANOMALY: no vCPU's PML buffer has the page. */
static enum km_look_answer look_in_pml(const struct km_look *at)
{
	struct km_logged_pages *pml = &at->all->pml;

	if (!pml->read) /* see is_logged() */
		km_error_free(km_pml_read(at->all->kernel, at->all->vm, pml));
	if (km_pml_has(pml, at->gfn.v))
		return KM_FITS;
	return pml->known ? KM_ANOMALY : KM_CANNOT_TELL;
}

enum km_look_answer km_audit_dirty_log(const struct km_look *at, struct km_anomaly *a)
{
	struct km_val ring_size, logged, pml;
	enum km_look_answer answer;
	bool by_d;

	if (!km_look_is_leaf(at) || !at->spte.w || at->stale || at->page->level != PG_LEVEL_4K ||
	    !km_look_has_slots(at) || !at->slot || !(at->slot->flags & KVM_MEM_LOG_DIRTY_PAGES))
		return KM_FITS;
	pml = km_pml_enabled(at->all->kernel);
	ring_size = km_kget(at->all->kernel, at->all->vm->addr, KM_M_kvm_dirty_ring_size);
	if (at->run > 1 || !km_is_known(pml) || ring_size.known == KM_UNREADABLE)
		return KM_CANNOT_TELL;
	/* for nested guests, KVM does not use PML: kvm_mmu_page_ad_need_write_protect() */
	by_d = pml.v && !km_spte_ad_need_write_protect(at->masks, at->spte.value);
	if (by_d && !(at->spte.value & at->masks->dirty))
		return KM_FITS;
	logged = is_logged(at, ring_size);
	if (!km_is_known(logged))
		return KM_CANNOT_TELL;
	if (logged.v)
		return KM_FITS;
	answer = by_d ? look_in_pml(at) : KM_ANOMALY;
	if (answer != KM_ANOMALY)
		return answer;
	km_anomaly_says(a, "it %s, and %s memslot %" PRId64 "%s",
			by_d ? "has D, its page is in no PML buffer" : "is writable",
			ring_size.v ? "no dirty ring contains its page in"
				    : "its bit in dirty_bitmap of",
			at->slot->id, ring_size.v ? "" : " is clear");
	return KM_ANOMALY;
}
