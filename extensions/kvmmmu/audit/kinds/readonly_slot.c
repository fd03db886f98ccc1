// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * __gfn_to_pfn_memslot() and kvm_faultin_pfn() never ask for write access in a read-only memslot.
 */
#include "audit/look.h"

enum km_look_answer km_audit_readonly_slot(const struct km_look *at, struct km_anomaly *a)
{
	if (!km_look_is_leaf(at) || at->stale)
		return KM_FITS;
	if (!km_look_has_slots(at))
		return KM_CANNOT_TELL;
	if (!at->slot || !(at->slot->flags & KVM_MEM_READONLY) ||
	    (!at->spte.w && !at->spte.host_writable))
		return KM_FITS;
	km_anomaly_says(a, "it is %s, but memslot %" PRId64 " is read-only",
			at->spte.w ? "writable" : "host-writable", at->slot->id);
	return KM_ANOMALY;
}
