// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The gfn of a direct page table is that of the first address that it maps:
 * tdp_mmu_init_child_sp(), kvm_mmu_get_child_sp().
 */
#include "audit/look.h"

enum km_look_answer km_audit_page_gfn(const struct km_look *at, struct km_anomaly *a)
{
	struct km_val gfn = at->gfn;

	if (!km_look_has_child(at))
		return KM_CANNOT_TELL;
	if (!at->child.role.direct || !at->sp->role.direct || at->sp->role.passthrough ||
	    at->child.role.level + 1 != at->page->level)
		return KM_FITS;
	/* then its gfn is that of the other entry: page-twice */
	if (at->sp->tdp_mmu_page.v && km_look_is_second(at))
		return KM_FITS;
	if (!km_is_known(at->child.gfn) || !km_is_known(gfn))
		return KM_CANNOT_TELL;
	if (at->child.gfn.v == gfn.v)
		return KM_FITS;
	km_anomaly_says(
		a, "kvm_mmu_page 0x%" PRIx64 " has gfn 0x%" PRIx64 ", and the entry gfn 0x%" PRIx64,
		at->child.addr, at->child.gfn.v, gfn.v);
	return KM_ANOMALY;
}
