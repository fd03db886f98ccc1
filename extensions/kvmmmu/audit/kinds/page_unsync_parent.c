// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KVM finds the shadow pages that are out of sync by unsync_child_bitmap of those above:
 * kvm_mmu_mark_parents_unsync(), link_shadow_page(). A bit that is set for a page in sync is legal:
 * __mmu_unsync_walk() clears it.
 */
#include "audit/look.h"

enum km_look_answer km_audit_page_unsync_parent(const struct km_look *at, struct km_anomaly *a)
{
	const struct km_kernel *k = at->all->kernel;
	struct km_val children, word;

	if (!km_look_has_child(at) || !km_is_known(at->child.tdp_mmu_page))
		return KM_CANNOT_TELL;
	if (at->child.tdp_mmu_page.v || at->child.role.invalid || at->stale)
		return KM_FITS;
	children = km_kget(k, at->child.addr, KM_M_kvm_mmu_page_unsync_children);
	if (!km_is_known(children) || !km_is_known(at->child.unsync))
		return KM_CANNOT_TELL;
	/* out of sync, but it never may be: page-unsync */
	if (at->child.role.direct || (at->child.role.level > PG_LEVEL_4K && !children.v) ||
	    (!children.v && !at->child.unsync.v))
		return KM_FITS;
	word = km_kelem(k, at->sp->addr, KM_M_kvm_mmu_page_unsync_child_bitmap, at->index / 64);
	if (!km_is_known(word))
		return KM_CANNOT_TELL;
	if (word.v >> at->index % 64 & 1)
		return KM_FITS;
	km_anomaly_says(a,
			"kvm_mmu_page 0x%" PRIx64 " is unsync or has unsync children, and bit %u "
			"of unsync_child_bitmap above is clear",
			at->child.addr, at->index);
	return KM_ANOMALY;
}
