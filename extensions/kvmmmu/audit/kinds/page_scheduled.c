// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Only roots are scheduled to be zapped, after they were made invalid:
 * kvm_tdp_mmu_invalidate_roots(), kvm_tdp_mmu_zap_invalidated_roots(). The byte is mmu_valid_gen of
 * a shadow page.
 */
#include "audit/look.h"

enum km_look_answer km_audit_page_scheduled(const struct km_look *at, struct km_anomaly *a)
{
	struct km_val scheduled =
		km_kget(at->all->kernel, at->sp->addr, KM_M_kvm_mmu_page_scheduled_root_to_zap);

	if (scheduled.known == KM_ABSENT || at->sp->tdp_mmu_page.known == KM_ABSENT)
		return KM_FITS;
	if (!km_is_known(at->sp->tdp_mmu_page) || !at->sp->role_known)
		return KM_CANNOT_TELL;
	if (!at->sp->tdp_mmu_page.v)
		return KM_FITS;
	if (!km_is_known(scheduled) && !scheduled.corrupted)
		return KM_CANNOT_TELL;
	if (km_is_known(scheduled) && (!scheduled.v || (!at->page->parent && at->sp->role.invalid)))
		return KM_FITS;
	km_anomaly_says(a, "tdp_mmu_scheduled_root_to_zap is %s, but it is %s",
			km_is_known(scheduled) ? "set" : "corrupt",
			at->page->parent ? "no root" : "a valid root");
	return KM_ANOMALY;
}
