// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Page tables of KVM are pages of the kernel: no memslot maps them.
 */
#include "audit/look.h"

static bool is_table(const struct km_page_tables *tables, uint64_t pfn)
{
	const struct km_table_page *page;

	if (!km_page_tables_may_have(tables, pfn))
		return false;
	page = km_page_tables_find(tables, pfn << KM_PAGE_SHIFT);
	return page && page->level;
}

enum km_look_answer km_audit_table_mapped(const struct km_look *at, struct km_anomaly *a)
{
	const struct km_table_page *page;
	bool may = false;

	if (!km_look_is_leaf(at))
		return KM_FITS;
	for (unsigned i = 0; i < at->run && !may; i++)
		may = is_table(at->all->tables, km_look_pa(at, i) >> KM_PAGE_SHIFT);
	if (!may)
		return KM_FITS;
	if (at->run > 1)
		return KM_CANNOT_TELL;
	page = km_page_tables_find(at->all->tables, at->spte.pfn << KM_PAGE_SHIFT);
	if (!page || !page->level)
		return KM_FITS;
	km_anomaly_says(a, "pfn 0x%" PRIx64 " is a page table of level %d", at->spte.pfn,
			page->level);
	return KM_ANOMALY;
}
