// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The VM counts its leaves by size, whoever uses them: kvm_update_page_stats().
 */
#include "audit/look.h"

enum km_look_answer km_audit_leaf_count(const struct km_look *at, struct km_anomaly *a)
{
	static const enum km_member_id counts[] = {KM_M_kvm_pages_4k, KM_M_kvm_pages_2m,
						   KM_M_kvm_pages_1g};
	const struct km_audit_vm *all = at->all;

	if (!all->all_seen)
		return KM_CANNOT_TELL;
	for (int level = PG_LEVEL_4K; level <= PG_LEVEL_1G; level++) {
		struct km_val count = km_kget(all->kernel, all->vm->addr, counts[level - 1]);

		if (count.known == KM_ABSENT) /* an older kernel has no such counters */
			return KM_FITS;
		if (!km_is_known(count))
			return KM_CANNOT_TELL;
		if (count.v == all->leaves[level])
			continue;
		km_anomaly_says(
			a, "stat.pages_%s is %" PRId64 ", and there are %" PRIu64 " such leaves",
			level == PG_LEVEL_4K   ? "4k"
			: level == PG_LEVEL_1G ? "1g"
					       : "2m",
			(int64_t)count.v, all->leaves[level]);
		return KM_ANOMALY;
	}
	return KM_FITS;
}
