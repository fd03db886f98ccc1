// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A page table below a shadow page was created for the guest's entry, and is zapped when that
 * changes: kvm_mmu_get_child_sp(), kvm_mmu_track_write().
 */
#include "audit/table_audit.h"
#include "audit/look.h"

enum km_look_answer km_audit_guest_table(const struct km_look *at, struct km_anomaly *a)
{
	const struct km_page_role *role = &at->sp->role;
	struct km_gpte gpte;
	const char *why;

	if (at->stale || !at->sp->role_known || role->direct || role->passthrough || role->invalid)
		return KM_FITS;
	if (!at->guest_table || !km_look_has_child(at))
		return KM_CANNOT_TELL;
	gpte = km_gpte_decode(at->format, role, at->guest_table, at->index);
	why = km_child_contradicts_guest(&gpte, &at->child);
	if (!gpte.present)
		why = "the guest's entry is not present";
	if (!why)
		return KM_FITS;
	km_anomaly_says(a, "kvm_mmu_page 0x%" PRIx64 ": %s", at->child.addr, why);
	return KM_ANOMALY;
}
