// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Only shadow pages of level 1 are left out of sync: mmu_try_to_unsync_pages().
 */
#include "audit/look.h"

enum km_look_answer km_audit_page_unsync(const struct km_look *at, struct km_anomaly *a)
{
	if (!km_look_has_child(at))
		return KM_CANNOT_TELL;
	if (!km_is_known(at->child.unsync) || !at->child.unsync.v ||
	    (!at->child.role.direct && at->child.role.level == PG_LEVEL_4K))
		return KM_FITS;
	km_anomaly_says(a, "kvm_mmu_page 0x%" PRIx64 " is unsync, %s at level %u", at->child.addr,
			at->child.role.direct ? "direct" : "indirect", at->child.role.level);
	return KM_ANOMALY;
}
