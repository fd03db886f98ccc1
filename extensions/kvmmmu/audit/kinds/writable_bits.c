// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * check_spte_writable_invariants() of arch/x86/kvm/mmu/spte.h.
 */
#include "audit/look.h"

enum km_look_answer km_audit_writable_bits(const struct km_look *at, struct km_anomaly *a)
{
	if (!km_look_is_leaf(at))
		return KM_FITS;
	if (at->spte.mmu_writable && !at->spte.host_writable)
		km_anomaly_says(a, "it is MMU-writable, but not host-writable");
	else if (at->spte.w && !at->spte.mmu_writable)
		km_anomaly_says(a, "it has W, but is not MMU-writable");
	else
		return KM_FITS;
	return KM_ANOMALY;
}
