// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The VM counts its page tables: those of the shadow MMU, from the allocation until they are
 * removed from mmu_page_hash, and in some kernels those of the TDP MMU that are not roots.
 * kvm_account_mmu_page(), tdp_account_mmu_page(). Shadow pages that shadow a page table of the
 * guest and are valid are counted apart: account_shadowed().
 */
#include "audit/look.h"

static bool differs(struct km_anomaly *a, const char *name, struct km_val count, uint64_t seen)
{
	if (!km_is_known(count) || count.v == seen)
		return false;
	km_anomaly_says(a, "%s is %" PRId64 ", but there are %" PRIu64 " such page tables", name,
			(int64_t)count.v, seen);
	return true;
}

enum km_look_answer km_audit_page_count(const struct km_look *at, struct km_anomaly *a)
{
	const struct km_audit_vm *all = at->all;
	const struct km_kernel *k = all->kernel;
	uint64_t vm = all->vm->addr;
	struct km_val shadow, tdp, indirect = all->vm->indirect_shadow_pages;

	if (!all->all_seen)
		return KM_CANNOT_TELL;
	shadow = km_kget(k, vm, KM_M_kvm_used_mmu_pages);
	tdp = km_kget(k, vm, KM_M_kvm_tdp_mmu_pages);
	if (differs(a, "the number of shadow pages", shadow, all->mmu_pages.shadow_count) ||
	    differs(a, "tdp_mmu_pages", tdp, all->tdp_pages) ||
	    differs(a, "indirect_shadow_pages", indirect, all->indirect_pages))
		return KM_ANOMALY;
	return km_is_known(shadow) && tdp.known != KM_UNREADABLE && km_is_known(indirect)
		       ? KM_FITS
		       : KM_CANNOT_TELL;
}
