// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The page tables of the TDP MMU and those of the shadow MMU have different roots.
 */
#include "audit/look.h"

enum km_look_answer km_audit_page_mmu(const struct km_look *at, struct km_anomaly *a)
{
	if (!km_look_has_child(at))
		return KM_CANNOT_TELL;
	if (at->sp->tdp_mmu_page.known == KM_ABSENT)
		return KM_FITS;
	if (!km_is_known(at->sp->tdp_mmu_page) || !km_is_known(at->child.tdp_mmu_page))
		return KM_CANNOT_TELL;
	if (at->sp->tdp_mmu_page.v == at->child.tdp_mmu_page.v)
		return KM_FITS;
	km_anomaly_says(a,
			"tdp_mmu_page of kvm_mmu_page 0x%" PRIx64 " is %" PRIu64
			", that of the table above is %" PRIu64,
			at->child.addr, at->child.tdp_mmu_page.v, at->sp->tdp_mmu_page.v);
	return KM_ANOMALY;
}
