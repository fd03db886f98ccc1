// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * No memslot covers the gfn of the fault, and a present leaf still maps it: a leftover from a
 * memslot that no longer exists. Before the fix KVM made an MMIO SPTE without dropping what was
 * there.
 */
#include "diagnose/diagnose_rules.h"

#include <inttypes.h>

bool km_diagnose_mmio_over_leaf(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_walk_level *leaf = km_case_leaf(c);
	struct km_val gen = c->slots.generation;

	if (!km_case_has_fault(c) || !leaf || !c->slots_known || !c->gfn_known || c->slot)
		return false;
	/* while memslots change, and on a root that is being replaced, mappings may be left */
	if (!km_is_known(gen) || (gen.v & KVM_MEMSLOT_GEN_UPDATE_IN_PROGRESS) ||
	    (c->root.role_known && c->root.role.invalid))
		return false;
	d->certainty = KM_POSSIBLE;
	if (!c->mmu->root_role.direct)
		d->known |= KM_BIT(KM_WHEN_SHADOW);
	km_verdict_says(d,
			"no memslot covers the fault's gfn, but a present SPTE maps it: KVM treats "
			"the access as MMIO, while the processor may use the old mapping");
	km_evidence(d, "gfn 0x%" PRIx64 ", SPTE 0x%" PRIx64 " at level %d, pfn 0x%" PRIx64, c->gfn,
		    leaf->spte.value, leaf->level, leaf->spte.pfn);
	km_leaves_open(d, "which memslot the SPTE was created for");
	return true;
}
