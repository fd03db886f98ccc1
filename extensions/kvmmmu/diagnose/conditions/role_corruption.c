// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnose/diagnose_rules.h"

/* The fault is not known, and most were retried: a page table that does not fit, anywhere. */
static bool judge_audit(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_table_audit *audit = &c->audit;
	const struct km_table_entry *entry = &audit->mismatch;
	char gfn[KM_VAL_TEXT];

	if (!entry->found || km_case_has_fault(c) || !c->mmu || !c->mmu->root_role.direct)
		return false;
	d->stuck = km_case_counts(c).balance == KM_BALANCE_RETRIED;
	d->certainty = d->stuck ? KM_POSSIBLE : KM_NOTE;
	km_verdict_says(d, "a page table below the root does not match its position: %s",
			audit->mismatch_why);
	km_evidence(d,
		    "level %d, table 0x%" PRIx64 "[%u]: SPTE 0x%" PRIx64 ", child 0x%" PRIx64
		    " has role.level %u, gfn %s",
		    entry->level, entry->table_pa, entry->index, entry->spte.value,
		    audit->child.addr, audit->child.role.level,
		    km_val_spell(audit->child.gfn, true, gfn));
	km_evidence_counters(c, d);
	km_leaves_open(d,
		       "whether this vCPU faults in that page table: its last fault is not known");
	return true;
}

/* Find a page table whose kvm_mmu_page does not match its position in the walk. */
bool km_diagnose_role_corruption(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_walk_level *bad = NULL;

	for (size_t i = 0; c->has_walk && i < c->walk.count; i++) {
		const struct km_walk_level *l = &c->walk.levels[i];
		struct km_val level = {.v = l->sp.role.level,
				       .known = l->sp.role_known ? KM_KNOWN : KM_UNREADABLE};
		char role[KM_VAL_TEXT], gfn[KM_VAL_TEXT];

		if (!l->oddity)
			continue;
		bad = bad ? bad : l;
		km_evidence(d,
			    "level %d, table 0x%" PRIx64 ", kvm_mmu_page 0x%" PRIx64
			    ": %s (role.level %s, gfn %s)",
			    l->level, l->table_pa, l->sp.addr, l->oddity,
			    km_val_spell(level, false, role), km_val_spell(l->sp.gfn, true, gfn));
	}
	if (!bad)
		return judge_audit(c, d);
	d->certainty = KM_LIKELY;
	if (!c->mmu->root_role.direct)
		d->known |= KM_BIT(KM_WHEN_SHADOW);
	/* the TDP MMU gives up where role.level is not the level that it maps at */
	d->stuck = km_case_is_current(c) && c->has_path && c->path.end &&
		   !strcmp(c->path.end->id, "map") && c->path.ret == KM_RET_PF_RETRY;
	km_verdict_says(d,
			"the page table at level %d does not match its position: its kvm_mmu_page "
			"contradicts the walk",
			bad->level);
	return true;
}
