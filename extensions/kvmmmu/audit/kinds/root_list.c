// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every root that is in use is in kvm_arch.tdp_mmu_roots or, in the shadow MMU, in
 * kvm_arch.mmu_page_hash: kvm_tdp_mmu_put_root(), kvm_mmu_free_shadow_page().
 */
#include "base/sorted.h"
#include "audit/look.h"

enum km_look_answer km_audit_root_list(const struct km_look *at, struct km_anomaly *a)
{
	const struct km_mmu_pages *pages = &at->all->mmu_pages;
	bool tdp = at->root.tdp_mmu_page.v;

	/* root-owner */
	if (!at->root.addr || at->root_page->doubt != KM_TABLE_PROVEN)
		return KM_FITS;
	if (at->root.tdp_mmu_page.known == KM_UNREADABLE ||
	    !(tdp ? pages->tdp_known : pages->shadow_known))
		return KM_CANNOT_TELL;
	if (tdp ? km_sorted_have(pages->tdp_roots, pages->tdp_root_count, at->root.addr)
		: km_sorted_have(pages->shadow, pages->shadow_count, at->root.addr))
		return KM_FITS;
	km_anomaly_says(a, "kvm_mmu_page 0x%" PRIx64 " of root 0x%" PRIx64 " is not in %s",
			at->root.addr, at->root_pa, tdp ? "tdp_mmu_roots" : "mmu_page_hash");
	return KM_ANOMALY;
}
