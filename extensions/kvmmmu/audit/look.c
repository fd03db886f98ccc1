// SPDX-License-Identifier: GPL-2.0-or-later
#include "audit/look.h"

#include "kvm/gmem.h"
#include "kvm/rmap.h"

/* Is a run of 4K leaves, or one leaf, mapped as the VMM maps it? Several kinds ask this. */
static bool fits_host(const struct km_look *at)
{
	struct km_audit_vm *all = at->all;
	uint64_t pa = at->page->pa + 8 * at->index, hva = km_look_hva(at);
	uint64_t mask = at->masks->base_addr_mask & ~(uint64_t)(KM_PAGE_SIZE - 1);
	unsigned done = 0;

	if (all->host_fits_pa == pa && all->host_fits_run == at->run)
		return true;
	if (at->page->level != PG_LEVEL_4K)
		return false;
	while (done < at->run) {
		unsigned left = KM_TABLE_ENTRIES - (hva >> KM_PAGE_SHIFT & (KM_TABLE_ENTRIES - 1));
		unsigned count = left < at->run - done ? left : at->run - done;

		if (!km_host_pages_fit(&all->host, hva, at->values + done, count, mask,
				       at->spte.host_writable))
			return false;
		done += count;
		hva += (uint64_t)count << KM_PAGE_SHIFT;
	}
	all->host_fits_pa = pa;
	all->host_fits_run = at->run;
	return true;
}

enum km_look_answer km_look_in_rmap(const struct km_look *at, struct km_val head)
{
	if (!km_is_known(head))
		return KM_CANNOT_TELL;
	switch (km_rmap_search(at->all->kernel, head.v, km_look_sptep(at))) {
	case KM_RMAP_HAS:
		return KM_FITS;
	case KM_RMAP_LACKS:
		return KM_ANOMALY;
	case KM_RMAP_UNKNOWN:
		break;
	}
	return KM_CANNOT_TELL;
}

enum km_look_answer km_look_at_host(const struct km_look *at, struct km_host_page *page)
{
	if (!km_look_is_leaf(at) || at->stale)
		return KM_FITS;
	if (!km_look_has_slots(at))
		return KM_CANNOT_TELL;
	if (!at->slot || !at->slot->userspace_addr || at->sp->role.is_mirror ||
	    (at->slot->flags & (KVM_MEMSLOT_GMEM_ONLY | KVM_MEMSLOT_INVALID)))
		return KM_FITS;
	if (at->slot->flags & KVM_MEM_GUEST_MEMFD) {
		struct km_val is_gmem =
			km_gfn_is_gmem(at->all->kernel, at->all->vm, at->slot, at->gfn.v);

		if (at->run > 1 || !km_is_known(is_gmem))
			return KM_CANNOT_TELL;
		/* see gmem-page */
		if (is_gmem.v)
			return KM_FITS;
	}
	if (fits_host(at))
		return KM_FITS;
	/* its page frame number is not one: reserved-bits */
	if (at->run == 1 && at->mmu->rsvd_known &&
	    km_rsvd_spte(at->masks, &at->mmu->rsvd, at->spte.value, at->page->level, NULL))
		return KM_FITS;
	/* at each alone */
	if (at->run > 1)
		return KM_CANNOT_TELL;
	return km_host_page_at(&at->all->host, km_look_hva(at), page) ? KM_ANOMALY : KM_CANNOT_TELL;
}
