// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnose/diagnose_rules.h"

/*
 * Does the table that KVM consults contradict its own role? If so, no fault is needed as evidence.
 */
static bool table_is_wrong(const struct km_case *c)
{
	const struct km_perm_table *table = km_spte_table(&c->all, c->mmu);

	return table && table->status == KM_TABLE_DIFFERS &&
	       km_case_ruling(c, KM_JUDGE_ROLE) == KM_DENIES;
}

/*
 * An entry above the leaf that lacks a permission. KVM makes non-leaf entries with all of them
 * (make_nonleaf_spte()), and its tests check only the leaf.
 */
static const struct km_walk_level *upper_that_lacks(const struct km_case *c)
{
	for (size_t i = 0; i + 1 < c->walk.count; i++) {
		const struct km_walk_level *l = &c->walk.levels[i];

		if (!l->special && km_nonleaf_spte_lacks(&c->masks, l->spte.value))
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

/* The fault is not known, and most were spurious: a non-leaf entry that lacks a permission. */
static bool judge_audit(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_table_entry *weak = &c->audit.weak;

	if (!weak->found || km_case_has_fault(c) ||
	    km_case_counts(c).balance != KM_BALANCE_SPURIOUS)
		return false;
	d->certainty = KM_LIKELY;
	km_rests_on_counts(c, KM_BALANCE_SPURIOUS, d);
	km_verdict_says(
		d, "most faults of this vCPU were spurious, and a non-leaf SPTE below its root "
		   "lacks a permission: the processor denies accesses that KVM's test allows");
	km_evidence(d,
		    "level %d, 0x%" PRIx64 "[%u]: 0x%" PRIx64
		    " lacks a permission; KVM creates non-leaf entries with all permissions, and "
		    "checks only the leaf",
		    weak->level, weak->table_pa, weak->index, weak->spte.value);
	km_evidence_counters(c, d);
	km_leaves_open(d, "whether this vCPU faults below that SPTE: its last fault is not known");
	return true;
}

static void say_upper(const struct km_walk_level *upper, struct km_diagnosis *d)
{
	km_evidence(d,
		    "level %d, 0x%" PRIx64 "[%u]: 0x%" PRIx64
		    " lacks a permission; KVM creates non-leaf entries with all permissions, and "
		    "checks only the leaf",
		    upper->level, upper->table_pa, upper->index, upper->spte.value);
}

/*
 * Shadow paging, and the tables of nested guests: KVM makes the leaf anew and finds the value that
 * it has. No fault changes a non-leaf entry that is present: FNAME(fetch).
 */
static bool judge_indirect(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_walk_level *upper = upper_that_lacks(c);
	bool sure = c->has_path && c->path.ret == KM_RET_PF_SPURIOUS;
	char fault[224];

	if (!upper || !km_case_leaf(c) || km_case_ruling(c, KM_JUDGE_PROCESSOR) != KM_DENIES ||
	    (!sure && c->path.ret != KM_RET_PF_UNKNOWN))
		return false;
	d->stuck = true;
	d->certainty =
		sure || km_case_counts(c).balance == KM_BALANCE_SPURIOUS ? KM_LIKELY : KM_POSSIBLE;
	km_verdict_says(d, "a non-leaf SPTE lacks a permission, so that the processor denies the "
			   "access, and KVM changes only leaves: each fault ends as "
			   "RET_PF_SPURIOUS, and the guest faults again");
	km_evidence(d, "%s", km_case_fault_spell(c, fault, sizeof(fault)));
	km_evidence(d, "processor: denies (%s)", c->panel.verdicts[KM_JUDGE_PROCESSOR].why);
	say_upper(upper, d);
	km_evidence_counters(c, d);
	if (!sure)
		km_leaves_open(d, "whether the guest's page tables permit the access: %s",
			       c->path.end ? c->path.end->text : "they are not known");
	return true;
}

/*
 * KVM treats a fault as spurious that the processor will raise again. The legacy test checks one
 * bit and differs from the processor by design: alone it is never more than possible.
 */
bool km_diagnose_spurious_loop(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_walk_level *upper;
	enum km_judge asked;
	char fault[224];
	bool sure;

	if (!km_case_is_current(c))
		return judge_audit(c, d);
	if (c->has_panel && !c->mmu->root_role.direct)
		return judge_indirect(c, d);
	if (!ends_spurious(c, &sure))
		return false;
	asked = km_case_asked_judge(c);
	/* what the table says now is not what it said about the fault */
	if (asked == KM_JUDGE_TABLE && km_tables_being_filled(c))
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
	km_verdict_says(d, "the processor denies an access that KVM's test allows: each fault ends "
			   "as RET_PF_SPURIOUS, and the guest faults again");
	km_evidence(d, "%s", km_case_fault_spell(c, fault, sizeof(fault)));
	km_evidence_judges(c, d);
	if (upper)
		say_upper(upper, d);
	km_evidence_counters(c, d);
	if (!sure)
		km_leaves_open(d, "whether KVM's handler reaches that test: %s",
			       c->path.end ? c->path.end->text : "");
	else if (!km_case_in_handler(c))
		km_leaves_open(d, "whether the guest still makes the access: the fault is from the "
				  "last exit; a second sample shows it");
	return true;
}
