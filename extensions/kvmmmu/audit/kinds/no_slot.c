// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KVM maps a gfn only through a memslot, and zaps what a memslot maps before it is deleted or
 * moved: kvm_arch_flush_shadow_memslot(), kvm_mmu_zap_all_fast().
 */
#include "audit/look.h"

enum km_look_answer km_audit_no_slot(const struct km_look *at, struct km_anomaly *a)
{
	if (!km_look_is_leaf(at) || at->stale)
		return KM_FITS;
	if (!km_look_has_slots(at))
		return KM_CANNOT_TELL;
	if (at->slot)
		return KM_FITS;
	km_anomaly_says(a, "no memslot contains gfn 0x%" PRIx64, at->gfn.v);
	return KM_ANOMALY;
}
