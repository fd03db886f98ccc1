// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each page table is one level below the entry that points to it: kvm_mmu_child_role(),
 * tdp_mmu_init_child_sp(). A 5-level root for nested NPT may shadow a 4-level one:
 * role.passthrough.
 */
#include "audit/look.h"

enum km_look_answer km_audit_page_level(const struct km_look *at, struct km_anomaly *a)
{
	if (!at->child.role_known || !at->child_page ||
	    (at->child_page->doubt != KM_TABLE_PROVEN &&
	     at->child_page->doubt != KM_TABLE_NOT_BELOW))
		return KM_CANNOT_TELL;
	if (at->child.role.passthrough || at->sp->role.passthrough ||
	    at->child.role.level + 1 == at->page->level)
		return KM_FITS;
	km_anomaly_says(
		a, "role.level of kvm_mmu_page 0x%" PRIx64 " is %u, below an entry of level %d",
		at->child.addr, at->child.role.level, at->page->level);
	return KM_ANOMALY;
}
