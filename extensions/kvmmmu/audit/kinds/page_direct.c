// SPDX-License-Identifier: GPL-2.0-or-later
/* All page tables below a direct one are direct: there is no page table of the guest to shadow. */
#include "audit/look.h"

enum km_look_answer km_audit_page_direct(const struct km_look *at, struct km_anomaly *a)
{
	if (!km_look_has_child(at))
		return KM_CANNOT_TELL;
	if (!at->sp->role.direct || at->child.role.direct || at->sp->role.passthrough)
		return KM_FITS;
	km_anomaly_says(a, "kvm_mmu_page 0x%" PRIx64 " shadows gfn 0x%" PRIx64, at->child.addr,
			at->child.gfn.v);
	return KM_ANOMALY;
}
