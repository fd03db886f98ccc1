// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A child inherits all of the role but level, access, direct, quadrant and passthrough:
 * kvm_mmu_child_role(), tdp_mmu_init_child_sp().
 */
#include "audit/look.h"

enum km_look_answer km_audit_page_role(const struct km_look *at, struct km_anomaly *a)
{
	if (!km_look_has_child(at))
		return KM_CANNOT_TELL;
#define CHECK(field)                                                                               \
	if (at->child.role.field != at->sp->role.field) {                                          \
		km_anomaly_says(a,                                                                 \
				"role." #field " of kvm_mmu_page 0x%" PRIx64                       \
				" is %u, that of the table above is %u",                           \
				at->child.addr, at->child.role.field, at->sp->role.field);         \
		return KM_ANOMALY;                                                                 \
	}
	CHECK(smm)
	CHECK(guest_mode)
	CHECK(ad_disabled)
	CHECK(efer_nx)
	CHECK(cr0_wp)
	CHECK(cr4_smep)
	CHECK(is_mirror)
#undef CHECK
	return KM_FITS;
}
