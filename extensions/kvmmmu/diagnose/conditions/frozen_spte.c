// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A frozen entry lasts as long as its owner holds it: some microseconds under RCU, or, where the
 * owner flushes remote TLBs before it thaws the entry, until all CPUs have acknowledged that.
 * Without an owner it stays, and every fault below it is retried.
 */
#include "diagnose/diagnose_rules.h"
#include "threads/freezing.h"

/* How certain it is that the entry has no owner. */
static enum km_certainty without_owner(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_tasks *tasks = km_case_tasks(c);
	unsigned hidden = tasks ? km_tasks_unseen(tasks) : 0;

	if (tasks && tasks->complete && !hidden) {
		km_evidence(d,
			    "none of the %zu threads related to KVM is in a function that freezes "
			    "SPTEs",
			    tasks->count);
		return KM_LIKELY;
	}
	km_leaves_open(d, "%s: one of them may have frozen the SPTE",
		       hidden ? "the stacks of some tasks are not readable"
			      : "not all tasks are readable");
	return KM_POSSIBLE;
}

static void say_entry(const struct km_spte *spte, uint64_t table_pa, unsigned index,
		      struct km_diagnosis *d)
{
	km_evidence(d,
		    "SPTE 0x%" PRIx64 " at level %d (table 0x%" PRIx64 ", index %u) is FROZEN_SPTE "
		    "(REMOVED_SPTE in older kernels)",
		    spte->value, spte->level, table_pa, index);
}

/* The walk of the fault ends at a frozen entry. */
static void judge_fault(const struct km_case *c, const struct km_walk_level *last,
			struct km_diagnosis *d)
{
	const char *function;
	const struct km_task *owner = km_freezing_task(km_case_tasks(c), c->vm->mm.v, &function);
	char who[64];

	say_entry(&last->spte, last->table_pa, last->index, d);
	if (owner) {
		d->certainty = KM_NOTE;
		d->advise = false;
		km_verdict_says(d,
				"the SPTE is frozen, and the task that froze it has not finished: "
				"the fault is retried until that task sets a new value");
		km_evidence(d, "%s is in %s()%s", km_task_spell(owner, who, sizeof(who)), function,
			    km_task_flushes_tlbs(owner) ? ", which flushes remote TLBs" : "");
		return;
	}
	km_verdict_says(d, "the SPTE is frozen, and no task was found that could replace it: every "
			   "fault on it is retried (RET_PF_RETRY)");
	d->certainty = without_owner(c, d);
	d->stuck = km_case_is_current(c);
	km_evidence_counters(c, d);
}

/* The fault is not known, and most were retried: a frozen entry somewhere below the root. */
static bool judge_audit(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_table_entry *frozen = &c->audit.frozen;
	const char *function;

	if (!frozen->found || km_case_has_fault(c) ||
	    km_case_counts(c).balance != KM_BALANCE_RETRIED ||
	    km_freezing_task(km_case_tasks(c), c->vm->mm.v, &function))
		return false;
	say_entry(&frozen->spte, frozen->table_pa, frozen->index, d);
	km_verdict_says(
		d, "most faults of this vCPU were not resolved; an SPTE below its root is frozen, "
		   "and no task was found that could replace it: faults on that SPTE are retried");
	d->certainty = without_owner(c, d);
	km_rests_on_counts(c, KM_BALANCE_RETRIED, d);
	km_evidence_counters(c, d);
	km_leaves_open(d, "whether this vCPU faults on that SPTE: its last fault is not known");
	return true;
}

bool km_diagnose_frozen_spte(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_walk_level *last = c->has_walk ? km_walk_last(&c->walk) : NULL;

	if (!last || c->walk.end != KM_END_NOT_PRESENT || last->spte.kind != KM_SPTE_FROZEN)
		return judge_audit(c, d);
	judge_fault(c, last, d);
	return true;
}
