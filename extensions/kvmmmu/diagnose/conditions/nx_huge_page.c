// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnose/diagnose_rules.h"

/*
 * The workaround for the iTLB multihit erratum: huge pages are mapped without X, and the first
 * fetch makes KVM split them. By design, as long as the workaround is on.
 */
bool km_rule_nx_huge_page(const struct km_case *c, struct km_val on, struct km_diagnosis *d)
{
	const struct km_walk_level *leaf = km_case_leaf(c);
	struct km_val off = c->vm->disable_nx_huge_pages;

	if (!leaf || leaf->level == PG_LEVEL_4K || leaf->spte.x || leaf->spte.xu ||
	    leaf->spte.access_tracked || !c->mmu->root_role.direct || !c->has_error_code ||
	    !(c->error_code & PFERR_FETCH_MASK))
		return false;
	d->certainty = KM_NOTE;
	km_verdict_says(d, "the guest fetches from a huge page that KVM maps without X (iTLB "
			   "multihit workaround): the slow path splits the page");
	km_evidence(d, "SPTE 0x%" PRIx64 " at level %d, X=0", leaf->spte.value, leaf->level);
	if (km_is_known(on))
		km_evidence(d, "nx_huge_pages is %d%s", (int)on.v,
			    km_is_known(off) && off.v ? ", disabled for this VM" : "");
	km_evidence_counters(c, d);
	if (km_is_known(on) && (!on.v || (km_is_known(off) && off.v)))
		km_leaves_open(d, "why the page has no X: the workaround is disabled now");
	return true;
}

/*
 * nx_huge_pages is an int since b8e8c8303ff2 ("kvm: mmu: ITLB_MULTIHIT mitigation", 5.4), set when
 * the module is loaded.
 */
bool km_diagnose_nx_huge_page(const struct km_case *c, struct km_diagnosis *d)
{
	return km_rule_nx_huge_page(c, km_kernel_variable(c->kernel, "nx_huge_pages", 4), d);
}
