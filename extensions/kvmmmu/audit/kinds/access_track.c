// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mark_spte_for_access_track() moves the permissions into saved bits, restore_acc_track_spte()
 * moves them back and clears the saved bits.
 */
#include "audit/look.h"

enum km_look_answer km_audit_access_track(const struct km_look *at, struct km_anomaly *a)
{
	const struct km_spte_layout *layout = at->masks->layout;
	uint64_t saved =
		at->spte.value >> layout->acc_track_saved_shift & layout->acc_track_saved_mask;

	if (!km_look_is_leaf(at) || at->masks->paging != KM_PAGING_EPT ||
	    at->spte.ad != KM_AD_DISABLED)
		return KM_FITS;
	if (at->spte.access_tracked && !saved)
		km_anomaly_says(a, "it tracks accesses, but no permissions are saved");
	else if (!at->spte.access_tracked && saved)
		km_anomaly_says(a,
				"it has permissions, but saved ones, 0x%" PRIx64 ", are left in it",
				saved);
	else
		return KM_FITS;
	return KM_ANOMALY;
}
