// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest with 4-byte entries has tables of twice as many: role.quadrant is the half that a shadow
 * page of level 1 shadows, which the parity of the entry above says. kvm_mmu_child_role().
 */
#include "audit/look.h"

enum km_look_answer km_audit_page_quadrant(const struct km_look *at, struct km_anomaly *a)
{
	if (!km_look_has_child(at))
		return KM_CANNOT_TELL;
	if (!at->child.role.has_4_byte_gpte || at->child.role.level != PG_LEVEL_4K ||
	    at->child.role.quadrant == (at->index & 1))
		return KM_FITS;
	km_anomaly_says(a, "role.quadrant of kvm_mmu_page 0x%" PRIx64 " is %u, below an %s entry",
			at->child.addr, at->child.role.quadrant, at->index & 1 ? "odd" : "even");
	return KM_ANOMALY;
}
