// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * role.access of a shadow page is what the guest's entries down to it grant: FNAME(fetch)().
 */
#include "audit/look.h"

enum km_look_answer km_audit_page_access(const struct km_look *at, struct km_anomaly *a)
{
	unsigned more = at->child.role.access & ~at->sp->role.access;

	if (!km_look_has_child(at))
		return KM_CANNOT_TELL;
	if (at->sp->role.direct || at->sp->role.passthrough || at->child.role.passthrough ||
	    !at->sp->role.cr0_wp || !more)
		return KM_FITS;
	km_anomaly_says(a,
			"role.access of kvm_mmu_page 0x%" PRIx64
			" is 0x%x, that of the table above is 0x%x",
			at->child.addr, at->child.role.access, at->sp->role.access);
	return KM_ANOMALY;
}
