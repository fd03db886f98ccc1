// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A root is made with root_role of the context, and found by it: mmu_alloc_root(),
 * is_root_usable(). PAE roots have no kvm_mmu_page.
 */
#include "audit/look.h"

enum km_look_answer km_audit_root_role(const struct km_look *at, struct km_anomaly *a)
{
	const struct km_kernel *k = at->all->kernel;
	uint32_t invalid = ((1U << k->page_role.invalid.width) - 1) << k->page_role.invalid.shift;

	if (!at->root_pa || at->mmu->root_role.level <= 3 || !at->root.addr)
		return KM_FITS;
	if (!at->root.role_known)
		return KM_CANNOT_TELL;
	if (!((at->root.role.word ^ at->mmu->root_role.word) & ~invalid))
		return KM_FITS;
	km_anomaly_says(a,
			"the role of root 0x%" PRIx64 " is %08" PRIx32 ", root_role is %08" PRIx32,
			at->root_pa, at->root.role.word, at->mmu->root_role.word);
	if (at->vcpu_certainty < a->certainty)
		a->certainty = at->vcpu_certainty;
	return KM_ANOMALY;
}
