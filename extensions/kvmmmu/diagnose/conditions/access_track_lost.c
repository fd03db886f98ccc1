// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnose/diagnosis.h"

/*
 * To find out whether a page is used, KVM removes the permissions and keeps them in saved bits. If
 * those are empty nothing can be restored: fast_page_fault() leaves the fault to the slow path,
 * which makes a new SPTE.
 */
bool km_diagnose_access_track_lost(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_walk_level *leaf = km_case_leaf(c);

	if (!leaf || !leaf->spte.access_tracked || leaf->spte.restored != leaf->spte.value)
		return false;
	d->certainty = KM_LIKELY;
	km_verdict_says(d, "the SPTE is access-tracked but has no saved permissions, which KVM "
			   "never creates; the slow path can still replace it");
	km_evidence(d,
		    "SPTE 0x%" PRIx64 " at level %d: A/D bits not used, R=W=X=0, saved bits empty",
		    leaf->spte.value, leaf->level);
	return true;
}
