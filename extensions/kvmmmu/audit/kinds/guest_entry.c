// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A leaf of a shadow page that is in sync maps what the guest's entry maps: KVM write-protects the
 * guest's table, and zaps a leaf whose entry is written. FNAME(fetch), kvm_mmu_track_write().
 */
#include "audit/look.h"

enum km_look_answer km_audit_guest_entry(const struct km_look *at, struct km_anomaly *a)
{
	const struct km_page_role *role = &at->sp->role;
	struct km_gpte gpte;

	if (!km_look_is_leaf(at) || at->stale || !at->sp->role_known || role->direct ||
	    role->passthrough || role->invalid)
		return KM_FITS;
	if (!at->guest_table || !km_is_known(at->sp->unsync))
		return KM_CANNOT_TELL;
	if (at->sp->unsync.v)
		return KM_FITS;
	gpte = km_gpte_decode(at->format, role, at->guest_table, at->index);
	if (!gpte.present)
		km_anomaly_says(a, "the guest's entry in gfn 0x%" PRIx64 " is not present",
				at->sp->gfn.v);
	else if (!gpte.leaf)
		km_anomaly_says(a, "the guest's entry in gfn 0x%" PRIx64 " points to a page table",
				at->sp->gfn.v);
	else if (km_is_known(at->gfn) && gpte.gfn != at->gfn.v)
		km_anomaly_says(
			a, "it maps gfn 0x%" PRIx64 ", but the guest's entry maps gfn 0x%" PRIx64,
			at->gfn.v, gpte.gfn);
	else if (at->spte.w && !gpte.writable && role->cr0_wp)
		km_anomaly_says(a, "it is writable, but the guest's entry is not");
	else
		return KM_FITS;
	return KM_ANOMALY;
}
