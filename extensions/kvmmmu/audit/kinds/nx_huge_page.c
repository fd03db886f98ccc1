// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * make_spte() maps huge pages without X while the workaround for the iTLB multihit erratum is on;
 * switching it zaps all page tables: set_nx_huge_pages().
 */
#include "audit/look.h"

enum km_look_answer km_audit_nx_huge_page(const struct km_look *at, struct km_anomaly *a)
{
	struct km_val on = at->all->nx_huge_pages, off = at->all->vm->disable_nx_huge_pages;

	if (!km_look_is_leaf(at) || at->stale || at->page->level == PG_LEVEL_4K ||
	    !(at->spte.x || at->spte.xu) || on.known == KM_ABSENT || (km_is_known(off) && off.v))
		return KM_FITS;
	if (!km_is_known(on))
		return KM_CANNOT_TELL;
	if ((int32_t)on.v <= 0)
		return KM_FITS;
	km_anomaly_says(a, "it is executable at level %d, but nx_huge_pages is %d", at->page->level,
			(int)(int32_t)on.v);
	return KM_ANOMALY;
}
