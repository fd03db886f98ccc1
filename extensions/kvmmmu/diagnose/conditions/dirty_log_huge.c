// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnose/diagnosis.h"

/*
 * By design: in a memslot that logs dirty pages a huge page must be split before W is set, which
 * the fast path leaves to the slow path.
 */
bool km_diagnose_dirty_log_huge(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_walk_level *leaf = km_case_leaf(c);

	if (!leaf || leaf->level == PG_LEVEL_4K || leaf->spte.w || !leaf->spte.mmu_writable ||
	    !c->slot || !(c->slot->flags & KVM_MEM_LOG_DIRTY_PAGES) || !c->has_error_code ||
	    !(c->error_code & PFERR_WRITE_MASK))
		return false;
	d->certainty = KM_NOTE;
	km_verdict_says(d, "the guest writes to a huge page in a memslot that logs dirty pages: "
			   "the slow path splits the page; this is healthy if pf_fixed rises");
	km_evidence(d,
		    "SPTE 0x%" PRIx64 " at level %d, W=0; memslot %" PRId64 " has "
		    "KVM_MEM_LOG_DIRTY_PAGES",
		    leaf->spte.value, leaf->level, c->slot->id);
	km_evidence_counters(c, d);
	return true;
}
