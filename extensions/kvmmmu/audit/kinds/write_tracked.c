// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A gfn with a shadow page above level 1, or that a device tracks, is write-protected in all page
 * tables: account_shadowed(), __kvm_write_track_add_gfn(), make_spte().
 */
#include "kvm/gfn_state.h"
#include "audit/look.h"

enum km_look_answer km_audit_write_tracked(const struct km_look *at, struct km_anomaly *a)
{
	struct km_val count;

	if (!km_look_is_leaf(at) || !at->spte.w || at->stale)
		return KM_FITS;
	if (!km_look_has_slots(at))
		return KM_CANNOT_TELL;
	if (!at->slot || at->page->level != PG_LEVEL_4K ||
	    !km_slot_has_write_track(at->all->kernel, at->slot))
		return KM_FITS;
	if (at->run > 1)
		return KM_CANNOT_TELL;
	count = km_gfn_write_track(at->all->kernel, at->all->vm, at->slots->as_id, at->slot,
				   at->gfn.v);
	if (count.known == KM_UNREADABLE)
		return KM_CANNOT_TELL;
	if (!km_is_known(count) || !count.v)
		return KM_FITS;
	km_anomaly_says(a, "it is writable, but gfn_write_track of gfn 0x%" PRIx64 " is %" PRIu64,
			at->gfn.v, count.v);
	return KM_ANOMALY;
}
