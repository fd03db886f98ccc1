// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kvm_mmu_prepare_zap_page() unlinks a shadow page before it sets role.invalid; the TDP MMU sets it
 * in roots only.
 */
#include "audit/look.h"

enum km_look_answer km_audit_page_invalid(const struct km_look *at, struct km_anomaly *a)
{
	if (!km_look_has_child(at))
		return KM_CANNOT_TELL;
	if (at->stale || !at->child.role.invalid)
		return KM_FITS;
	km_anomaly_says(a, "kvm_mmu_page 0x%" PRIx64 " has role.invalid", at->child.addr);
	return KM_ANOMALY;
}
