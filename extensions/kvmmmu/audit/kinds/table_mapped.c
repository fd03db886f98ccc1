// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Page tables of KVM are pages of the kernel: no memslot maps them.
 */
#include "audit/look.h"

enum km_look_answer km_audit_table_mapped(const struct km_look *at, struct km_anomaly *a)
{
	const struct km_table_page *page;

	if (!km_look_is_leaf(at))
		return KM_FITS;
	page = km_page_tables_find(at->all->tables, at->spte.pfn << KM_PAGE_SHIFT);
	if (!page || !page->level)
		return KM_FITS;
	km_anomaly_says(a, "pfn 0x%" PRIx64 " is a page table of level %d", at->spte.pfn,
			page->level);
	return KM_ANOMALY;
}
