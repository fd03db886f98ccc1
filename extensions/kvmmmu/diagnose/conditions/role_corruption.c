// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnosis.h"

/* A page-table page whose kvm_mmu_page does not fit its place in the walk. */
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
		return false;
	d->certainty = KM_LIKELY;
	/* the TDP MMU gives up where role.level is not the level that it maps at */
	d->stuck = km_case_is_current(c) && c->has_path && c->path.end &&
		   !strcmp(c->path.end->id, "map") && c->path.ret == KM_RET_PF_RETRY;
	km_verdict_says(d,
			"the page table at level %d does not fit its place: KVM's notes about "
			"it contradict the walk",
			bad->level);
	return true;
}
