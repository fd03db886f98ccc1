// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A page table of the TDP MMU has one parent, kvm_mmu_page.ptep.
 */
#include "audit/look.h"

enum km_look_answer km_audit_page_twice(const struct km_look *at, struct km_anomaly *a)
{
	const struct km_table_page *first = at->child_page;

	if (!km_look_has_child(at))
		return KM_CANNOT_TELL;
	if (!km_is_known(at->sp->tdp_mmu_page) || !at->sp->tdp_mmu_page.v)
		return KM_FITS;
	if (!km_look_is_second(at))
		return KM_FITS;
	if (first->parent)
		km_anomaly_says(a, "table 0x%" PRIx64 "[%u] points to 0x%" PRIx64 ", too",
				at->all->tables->pages[first->parent - 1].pa, first->index,
				first->pa);
	else
		km_anomaly_says(a, "it points to the root 0x%" PRIx64, first->pa);
	return KM_ANOMALY;
}
