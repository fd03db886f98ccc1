// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * unsync_children counts the bits of unsync_child_bitmap: mark_unsync(), clear_unsync_child_bit().
 */
#include "audit/look.h"

enum km_look_answer km_audit_page_unsync_children(const struct km_look *at, struct km_anomaly *a)
{
	const struct km_kernel *k = at->all->kernel;
	struct km_val children;
	uint64_t bits = 0;

	if (!km_is_known(at->sp->tdp_mmu_page))
		return KM_CANNOT_TELL;
	if (at->sp->tdp_mmu_page.v)
		return KM_FITS;
	children = km_kget(k, at->sp->addr, KM_M_kvm_mmu_page_unsync_children);
	if (!km_is_known(children))
		return KM_CANNOT_TELL;
	for (uint32_t i = 0; i < KM_TABLE_ENTRIES / 64; i++) {
		struct km_val word =
			km_kelem(k, at->sp->addr, KM_M_kvm_mmu_page_unsync_child_bitmap, i);

		if (!km_is_known(word))
			return KM_CANNOT_TELL;
		bits += (unsigned)__builtin_popcountll(word.v);
	}
	if (children.v == bits)
		return KM_FITS;
	km_anomaly_says(
		a, "unsync_children is %" PRIu64 ", and unsync_child_bitmap has %" PRIu64 " bits",
		children.v, bits);
	return KM_ANOMALY;
}
