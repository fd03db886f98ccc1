// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A shadow page of another generation is obsolete, and kvm_mmu_find_shadow_page() never links one:
 * is_obsolete_sp().
 */
#include "audit/look.h"

enum km_look_answer km_audit_page_generation(const struct km_look *at, struct km_anomaly *a)
{
	if (!km_look_has_child(at))
		return KM_CANNOT_TELL;
	if (km_is_known(at->sp->tdp_mmu_page) && at->sp->tdp_mmu_page.v)
		return KM_FITS;
	if (!km_is_known(at->sp->mmu_valid_gen) || !km_is_known(at->child.mmu_valid_gen))
		return KM_CANNOT_TELL;
	if (at->sp->mmu_valid_gen.v == at->child.mmu_valid_gen.v)
		return KM_FITS;
	km_anomaly_says(a,
			"mmu_valid_gen of kvm_mmu_page 0x%" PRIx64 " is %" PRIu64
			", that of the table above is %" PRIu64,
			at->child.addr, at->child.mmu_valid_gen.v, at->sp->mmu_valid_gen.v);
	return KM_ANOMALY;
}
