// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A page of the VMM's memory is at one address. Where the VMM's page tables are readable they say
 * whether it is at two of them (host-page), so this is for dumps without them.
 */
#include "audit/look.h"

enum km_look_answer km_audit_pfn_twice(const struct km_look *at, struct km_anomaly *a)
{
	uint64_t hva, other;
	struct km_host_page host;

	if (!km_look_is_leaf(at) || at->stale || !at->spte.w || at->page->level != PG_LEVEL_4K ||
	    !at->slot || !at->slot->userspace_addr || at->sp->role.is_mirror ||
	    (at->slot->flags & (KVM_MEM_GUEST_MEMFD | KVM_MEMSLOT_GMEM_ONLY)))
		return KM_FITS;
	hva = km_look_hva(at);
	if (km_host_page_at(&at->all->host, hva, &host))
		return KM_FITS;
	for (unsigned i = 0; i < at->run; i++, hva += KM_PAGE_SIZE) {
		if (!km_pfn_map_put(&at->all->pfns, km_look_pa(at, i), hva, &other))
			return KM_CANNOT_TELL;
		if (other == hva)
			continue;
		if (at->run > 1)
			return KM_ANOMALY;
		km_anomaly_says(a,
				"pfn 0x%" PRIx64 " is the page at HVA 0x%" PRIx64
				", and is also mapped as that at 0x%" PRIx64,
				at->spte.pfn, hva, other);
		return KM_ANOMALY;
	}
	return KM_FITS;
}
