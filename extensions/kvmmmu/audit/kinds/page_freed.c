// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A page table is one page from the page allocator that nobody else uses: it is neither free, nor
 * part of a larger page or a slab, nor in a page cache. kvm_mmu_topup_memory_cache().
 */
#include "audit/look.h"
#include "kernel/struct_page.h"

#define NO_PAGE_TYPE UINT32_MAX /* _mapcount of -1: the page has no type */

enum km_look_answer km_audit_page_freed(const struct km_look *at, struct km_anomaly *a)
{
	const struct km_kernel *k = at->all->kernel;
	uint64_t page = km_pfn_to_page(k, at->page->pa >> KM_PAGE_SHIFT);
	struct km_val count = km_kget(k, page, KM_M_page_refcount);
	struct km_val type = km_kget(k, page, KM_M_page_page_type);
	struct km_val mapping = km_kget(k, page, KM_M_page_mapping);
	struct km_val head = km_kget(k, page, KM_M_page_compound_head);

	if (!km_is_known(count) || !km_is_known(type) || !km_is_known(mapping) ||
	    !km_is_known(head))
		return KM_CANNOT_TELL;
	if ((int32_t)count.v <= 0)
		km_anomaly_says(a,
				"its struct page has a reference count of %" PRId32 ": it is free",
				(int32_t)count.v);
	else if ((uint32_t)type.v != NO_PAGE_TYPE)
		km_anomaly_says(a,
				"page_type of its struct page is 0x%08" PRIx32
				": it is used for something else",
				(uint32_t)type.v);
	else if (head.v & 1)
		km_anomaly_says(a, "its struct page is part of a larger page");
	else if (mapping.v)
		km_anomaly_says(a, "its struct page has a mapping, 0x%" PRIx64, mapping.v);
	else
		return KM_FITS;
	return KM_ANOMALY;
}
