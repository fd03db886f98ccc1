// SPDX-License-Identifier: GPL-2.0-or-later
#include "audit/host_pages.h"

#define REGION_SHIFT 21
#define PT_P	     KM_BIT(0)
#define PT_W	     KM_BIT(1)

static void read_region(struct km_host_pages *p, uint64_t hva)
{
	km_scoped_error *err = NULL;

	p->has = true;
	p->region = hva >> REGION_SHIFT;
	p->pte = km_host_walk(p->kernel, p->vm, p->region << REGION_SHIFT);
	p->readable = p->pte.known;
	p->whole = p->pte.level > PG_LEVEL_4K;
	if (!p->readable || p->whole)
		return;
	err = km_read_phys_as(p->kernel->mem, p->pte.table_pa, p->entries, sizeof(p->entries),
			      "host page-table entry");
	p->readable = !err;
}

bool km_host_page_at(struct km_host_pages *p, uint64_t hva, struct km_host_page *page)
{
	uint64_t in_region = hva & (KM_BIT(REGION_SHIFT) - 1), size = KM_PAGE_SIZE;

	if (!p->has || p->region != hva >> REGION_SHIFT)
		read_region(p, hva);
	if (!p->readable)
		return false;
	if (p->whole) {
		*page = (struct km_host_page){.present = p->pte.present,
					      .writable = p->pte.writable,
					      .value = p->pte.value,
					      .pa = p->pte.pa + in_region};
		size = KM_BIT(KM_PAGE_SHIFT + 9 * (p->pte.level - 1));
	} else {
		uint64_t pte = p->entries[in_region >> KM_PAGE_SHIFT];

		*page = (struct km_host_page){.present = pte & PT_P,
					      .writable = pte & PT_W,
					      .value = pte,
					      .pa = (pte & p->kernel->masks.base_addr_mask &
						     ~(uint64_t)(KM_PAGE_SIZE - 1)) |
						    (hva & (KM_PAGE_SIZE - 1))};
	}
	page->bytes = size - (hva & (size - 1));
	return true;
}

bool km_host_pages_fit(struct km_host_pages *p, uint64_t hva, const uint64_t *sptes, unsigned count,
		       uint64_t pfn_mask, bool writable)
{
	unsigned first = hva >> KM_PAGE_SHIFT & (KM_TABLE_ENTRIES - 1);
	uint64_t needed = PT_P | (writable ? PT_W : 0), differs = 0;

	if (!p->has || p->region != hva >> REGION_SHIFT)
		read_region(p, hva);
	if (!p->readable || p->whole || count > KM_TABLE_ENTRIES - first)
		return false;
	for (unsigned i = 0; i < count; i++)
		differs |= ((p->entries[first + i] ^ sptes[i]) & pfn_mask) |
			   (~p->entries[first + i] & needed);
	return !differs;
}
