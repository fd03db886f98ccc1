// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnose/diagnosis.h"

/*
 * The address has bits that a root of this level does not translate: the processor always faults,
 * and no SPTE can help. Without a memslot the access is MMIO, and is emulated.
 */
bool km_diagnose_gpa_too_wide(const struct km_case *c, struct km_diagnosis *d)
{
	if (!c->has_walk || c->walk.end != KM_END_TOO_WIDE)
		return false;
	km_evidence(d, "%s 0x%" PRIx64 ", root level %d maps %d bits",
		    km_walk_address_text(c->walk.meaning), c->addr, c->walk.root_level,
		    KM_PAGE_SHIFT + 9 * c->walk.root_level);
	km_evidence_counters(c, d);
	if (c->slots_known && !c->slot) {
		d->certainty = KM_NOTE;
		d->advise = false;
		km_verdict_says(d, "the address is beyond what the root can map; no memslot covers "
				   "it, so KVM emulates the access as MMIO");
		return true;
	}
	d->certainty = km_case_is_current(c) && c->slot ? KM_LIKELY : KM_POSSIBLE;
	d->stuck = km_case_is_current(c);
	if (c->slot)
		km_evidence(d, "memslot %" PRId64 " covers it: KVM tries to map it", c->slot->id);
	else
		km_leaves_open(d, "whether a memslot covers it (the memslots are not readable): if "
				  "none does, the access is MMIO");
	km_verdict_says(d, "the address is beyond what the root can map: the guest faults on it, "
			   "regardless of what KVM maps");
	return true;
}
