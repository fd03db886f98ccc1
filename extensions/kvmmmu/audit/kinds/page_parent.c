// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The entry that points to a page table is in the table's kvm_mmu_page: as ptep in the TDP MMU, in
 * parent_ptes in the shadow MMU. tdp_mmu_init_sp(), mmu_page_add_parent_pte().
 */
#include "audit/look.h"

static enum km_look_answer leads_back(const struct km_look *at)
{
	bool tdp = at->child.tdp_mmu_page.v;
	struct km_val head = km_kget(at->all->kernel, at->child.addr,
				     tdp ? KM_M_kvm_mmu_page_ptep : KM_M_kvm_mmu_page_parent_ptes);

	/* the TDP MMU of early kernels has no ptep */
	if (tdp && head.known == KM_ABSENT)
		return KM_FITS;
	if (tdp && km_is_known(head))
		return head.v == km_look_sptep(at) ? KM_FITS : KM_ANOMALY;
	return km_look_in_rmap(at, head);
}

enum km_look_answer km_audit_page_parent(const struct km_look *at, struct km_anomaly *a)
{
	enum km_look_answer answer;

	if (!km_look_has_child(at) || !km_is_known(at->child.tdp_mmu_page))
		return KM_CANNOT_TELL;
	/* then it has the other entry: page-twice */
	if (at->child.tdp_mmu_page.v && km_look_is_second(at))
		return KM_FITS;
	/* then it has none of these: page-mmu */
	if (at->child.tdp_mmu_page.v != at->sp->tdp_mmu_page.v)
		return KM_FITS;
	answer = leads_back(at);
	if (answer != KM_ANOMALY)
		return answer;
	km_anomaly_says(a, "%s of kvm_mmu_page 0x%" PRIx64 " does not lead back to the entry",
			at->child.tdp_mmu_page.v ? "ptep" : "parent_ptes", at->child.addr);
	return KM_ANOMALY;
}
