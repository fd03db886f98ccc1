// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnosis.h"

/* A page-table page whose kvm_mmu_page does not fit its place, on the way of the fault or
 * elsewhere. */
bool km_diagnose_role_corruption(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_odd_tables *odd = &c->odd;
	const struct km_walk_level *bad = NULL;

	for (size_t i = 0; c->has_walk && i < c->walk.count; i++) {
		const struct km_walk_level *l = &c->walk.levels[i];

		if (!l->oddity)
			continue;
		bad = bad ? bad : l;
		km_evidence(d,
			    "level %d, table 0x%" PRIx64 ", kvm_mmu_page 0x%" PRIx64
			    ": %s (role.level %u, gfn 0x%" PRIx64 ")",
			    l->level, l->table_pa, l->sp.addr, l->oddity, l->sp.role.level,
			    l->sp.gfn.v);
	}
	if (!bad && !odd->odd)
		return false;
	d->certainty = KM_LIKELY;
	km_verdict_says(d,
			"a page table at level %d does not fit its place: KVM's notes about it "
			"contradict the entry that points to it",
			bad ? bad->level : odd->level);
	if (odd->odd)
		km_evidence(d,
			    "%zu of %zu%s tables below the root; the first: 0x%" PRIx64 "[%u] -> "
			    "table 0x%" PRIx64 " of level %d, gfn 0x%" PRIx64,
			    odd->odd, odd->looked_at, odd->more ? " (not all)" : "", odd->parent_pa,
			    odd->index, odd->table_pa, odd->level, odd->gfn);
	if (odd->odd && !bad)
		km_evidence(d, "kvm_mmu_page 0x%" PRIx64 ": role.level %u, gfn 0x%" PRIx64 ": %s",
			    odd->sp.addr, odd->sp.role.level, odd->sp.gfn.v, odd->oddity);
	return true;
}
