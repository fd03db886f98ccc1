// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnosis.h"

/* Does the table that KVM asks contradict its own role? Then no fault has to prove anything. */
static bool table_is_wrong(const struct km_case *c)
{
	const struct km_perm_table *table = km_spte_table(&c->all, c->mmu);

	return table && table->status == KM_TABLE_DIFFERS &&
	       km_case_ruling(c, KM_JUDGE_ROLE) == KM_DENIES;
}

/*
 * An entry above the leaf that withholds what the leaf grants. KVM makes non-leaf entries of direct
 * MMUs with all rights, and its tests look at the leaf only.
 */
static const struct km_walk_level *upper_that_lacks(const struct km_case *c)
{
	for (size_t i = 0; c->mmu->root_role.direct && i + 1 < c->walk.count; i++) {
		const struct km_walk_level *l = &c->walk.levels[i];

		if (!l->special && (!l->spte.r || !l->spte.w || !l->spte.x))
			return l;
	}
	return NULL;
}

/* Does the handler end with RET_PF_SPURIOUS? *@sure: no step before that is open. */
static bool ends_spurious(const struct km_case *c, bool *sure)
{
	const struct km_step *fast = c->has_path ? km_path_step(&c->path, "fast") : NULL;

	*sure = c->has_path && c->path.ret == KM_RET_PF_SPURIOUS;
	return *sure || (fast && c->path.ret == KM_RET_PF_UNKNOWN &&
			 fast->outcome == KM_STEP_ENDS && fast->ret == KM_RET_PF_SPURIOUS);
}

/*
 * fast_page_fault() takes a fault for spurious that the processor will raise again. The legacy test
 * looks at one bit and differs from the processor by design: it alone is never more than possible.
 */
bool km_diagnose_spurious_loop(const struct km_case *c, struct km_diagnosis *d)
{
	enum km_judge asked = km_case_asked_judge(c);
	const struct km_walk_level *upper;
	char fault[224];
	bool sure;

	if (!km_case_is_current(c) || !ends_spurious(c, &sure))
		return false;
	if (km_case_ruling(c, KM_JUDGE_PROCESSOR) != KM_DENIES ||
	    km_case_ruling(c, asked) != KM_ALLOWS || !c->panel.verdicts[asked].consulted)
		return false;
	upper = upper_that_lacks(c);
	d->stuck = true;
	d->certainty = KM_POSSIBLE;
	if (sure &&
	    (upper || (asked == KM_JUDGE_TABLE && (table_is_wrong(c) || km_case_in_handler(c)))))
		d->certainty = KM_LIKELY;
	km_verdict_says(d, "the processor denies what KVM takes for allowed: each fault ends as "
			   "RET_PF_SPURIOUS, and the guest meets it again");
	km_evidence(d, "%s", km_case_fault_spell(c, fault, sizeof(fault)));
	km_evidence_judges(c, d);
	if (upper)
		km_evidence(d,
			    "level %d, 0x%" PRIx64 "[%u]: 0x%" PRIx64 " lacks rights; KVM makes "
			    "non-leaf entries with all, and looks at the leaf only",
			    upper->level, upper->table_pa, upper->index, upper->spte.value);
	km_evidence_counters(c, d);
	if (!sure)
		km_leaves_open(d, "the replayed path is open before that: %s",
			       c->path.end ? c->path.end->text : "");
	else if (!km_case_in_handler(c))
		km_leaves_open(d, "the fault is that of the last exit: that the guest still wants "
				  "the access is inferred; a second look settles it");
	return true;
}
