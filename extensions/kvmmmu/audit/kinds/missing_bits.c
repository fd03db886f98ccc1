// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * make_nonleaf_spte() sets all permissions, because the leaf alone decides; every MMU-present entry
 * that does not track accesses is present for the processor.
 */
#include "rules/spte_generation.h"
#include "audit/look.h"

enum km_look_answer km_audit_missing_bits(const struct km_look *at, struct km_anomaly *a)
{
	uint64_t missing;

	if (at->spte.kind != KM_SPTE_PRESENT)
		return KM_FITS;
	km_spte_foreign_bits(at->masks, at->spte.value, at->page->level, &missing);
	if (!missing)
		return KM_FITS;
	km_anomaly_says(a, "KVM always sets 0x%" PRIx64 " in %s", missing,
			at->spte.leaf ? "a leaf" : "an entry that points to a page table");
	return KM_ANOMALY;
}
