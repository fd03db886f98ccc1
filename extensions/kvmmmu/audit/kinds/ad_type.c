// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SPTE_TDP_AD_DISABLED is set exactly in the entries of pages with role.ad_disabled;
 * write-protection instead of dirty bits is for nested guests only: make_spte(),
 * kvm_mmu_page_ad_need_write_protect().
 */
#include "audit/look.h"

#include <string.h>

enum km_look_answer km_audit_ad_type(const struct km_look *at, struct km_anomaly *a)
{
	bool disabled = at->spte.ad == KM_AD_DISABLED;

	if (at->spte.kind != KM_SPTE_PRESENT)
		return KM_FITS;
	if (at->spte.ad == KM_AD_INVALID) {
		km_anomaly_says(a, "no kernel uses its A/D type");
		return KM_ANOMALY;
	}
	if (!at->sp->role_known)
		return KM_CANNOT_TELL;
	/*
	 * Before SPTEs had SPTE_MMU_PRESENT_MASK, all those of guest_mmu were of this type; on AMD,
	 * some are made before the vCPU is in guest mode: kvm_vcpu_ad_need_write_protect().
	 */
	if (at->spte.ad == KM_AD_WRPROT_ONLY && !at->masks->layout->mmu_present_mask &&
	    !strcmp(at->mmu->name, "guest_mmu"))
		return KM_FITS;
	if (at->spte.ad == KM_AD_WRPROT_ONLY && !at->sp->role.guest_mode) {
		km_anomaly_says(a, "its A/D type is that of nested guests, and role.guest_mode of "
				   "its page table is 0");
		return KM_ANOMALY;
	}
	if (disabled == at->sp->role.ad_disabled)
		return KM_FITS;
	km_anomaly_says(a, "its A/D bits are %s, and role.ad_disabled of its page table is %u",
			disabled ? "disabled" : "enabled", at->sp->role.ad_disabled);
	return KM_ANOMALY;
}
