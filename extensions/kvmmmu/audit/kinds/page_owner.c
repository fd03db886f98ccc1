// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * to_shadow_page() of a page table and kvm_mmu_page.spt point at each other, from the allocation to
 * the zap: tdp_mmu_alloc_sp(), kvm_mmu_alloc_shadow_page().
 */
#include "audit/look.h"

/* Is it an address that an object of the kernel can have? */
static bool may_be_object(uint64_t addr)
{
	return addr >> 56 == 0xff && !(addr & 7);
}

enum km_look_answer km_audit_page_owner(const struct km_look *at, struct km_anomaly *a)
{
	if (!at->child_page)
		return KM_CANNOT_TELL;
	if (at->child_page->doubt == KM_TABLE_UNREAD) {
		struct km_val max_pfn = km_kernel_variable(at->all->kernel, "max_pfn", 8);

		if (at->child.known && !may_be_object(at->child.addr)) {
			km_anomaly_says(a,
					"it points to 0x%" PRIx64
					", and private of its struct page is 0x%" PRIx64
					": that is no kvm_mmu_page",
					at->child_page->pa, at->child.addr);
			return KM_ANOMALY;
		}
		/* all page tables are in memory that the kernel found when it booted, or later */
		if (!km_is_known(max_pfn) || !max_pfn.v || at->spte.pfn < max_pfn.v)
			return KM_CANNOT_TELL;
		km_anomaly_says(a,
				"it points to 0x%" PRIx64 ", and the kernel has no memory from "
				"pfn 0x%" PRIx64 " on (max_pfn)",
				at->child_page->pa, max_pfn.v);
		return KM_ANOMALY;
	}
	if (at->child_page->doubt == KM_TABLE_NO_OWNER)
		km_anomaly_says(a,
				"it points to 0x%" PRIx64 ", whose struct page has no kvm_mmu_page",
				at->child_page->pa);
	else if (at->child_page->doubt == KM_TABLE_OTHER_SPT)
		km_anomaly_says(a,
				"it points to 0x%" PRIx64 ", and spt of kvm_mmu_page 0x%" PRIx64
				" is another page",
				at->child_page->pa, at->child.addr);
	else
		return KM_FITS;
	return KM_ANOMALY;
}
