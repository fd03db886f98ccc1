// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnosis.h"

/*
 * KVM takes the rights away to see whether the page is used, and keeps them in saved bits. With
 * those empty nothing can be given back: fast_page_fault() leaves the fault to the slow path, which
 * makes the SPTE anew.
 */
bool km_diagnose_access_track_lost(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_walk_level *leaf = km_case_leaf(c);

	if (!leaf || !leaf->spte.access_tracked || leaf->spte.restored != leaf->spte.value)
		return false;
	d->certainty = KM_LIKELY;
	km_verdict_says(d, "the SPTE is access-tracked and has no saved rights: KVM never makes "
			   "one like that; the slow path can still replace it");
	km_evidence(d,
		    "SPTE 0x%" PRIx64 " at level %d: A/D bits not used, R=W=X=0, saved bits empty",
		    leaf->spte.value, leaf->level);
	return true;
}
