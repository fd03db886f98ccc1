// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A vCPU holds a reference to each of its roots: mmu_alloc_root(), kvm_tdp_mmu_get_root().
 */
#include "audit/look.h"

enum km_look_answer km_audit_root_count(const struct km_look *at, struct km_anomaly *a)
{
	if (!at->root_page->level || !km_is_known(at->root.root_count))
		return KM_CANNOT_TELL;
	if ((int32_t)at->root.root_count.v > 0)
		return KM_FITS;
	km_anomaly_says(a,
			"root 0x%" PRIx64 ": the reference count of kvm_mmu_page 0x%" PRIx64
			" is %" PRId32,
			at->root_pa, at->root.addr, (int32_t)at->root.root_count.v);
	return KM_ANOMALY;
}
