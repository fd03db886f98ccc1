// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnose_rules.h"

/*
 * Where KVM freezes SPTEs and thaws them again: the TDP MMU's changes of an entry. Not
 * kvm_tdp_mmu_map() itself: who meets a frozen entry is there, too.
 */
static const char *const freezers[] = {
	"tdp_mmu_set_spte_atomic",
	"__tdp_mmu_set_spte_atomic",
	"tdp_mmu_zap_spte_atomic",
	"tdp_mmu_set_spte",
	"handle_changed_spte",
	"__handle_changed_spte",
	"handle_removed_pt",
	"handle_removed_tdp_mmu_page",
	"tdp_mmu_link_sp",
	"tdp_mmu_split_huge_page",
	"tdp_mmu_split_huge_pages_root",
	"__tdp_mmu_zap_root",
	"tdp_mmu_zap_root",
	"tdp_mmu_zap_leafs",
	"kvm_tdp_mmu_zap_leafs",
	"kvm_tdp_mmu_zap_sp",
	"kvm_tdp_mmu_zap_all",
	"kvm_tdp_mmu_zap_invalidated_roots",
	"kvm_tdp_mmu_unmap_gfn_range",
	NULL,
};

/* A task of the VM's, or a worker, that may have frozen it; *@function is where it stands. */
static const struct km_task *freezer(const struct km_case *c, const char **function)
{
	for (size_t i = 0; i < c->tasks->count; i++) {
		const struct km_task *task = &c->tasks->tasks[i];

		if (km_is_known(task->mm) && task->mm.v && task->mm.v != c->vm->mm.v)
			continue;
		for (const char *const *in = freezers; *in; in++) {
			*function = *in;
			if (km_stack_in(&task->stack, *in))
				return task;
		}
	}
	return NULL;
}

/* Tasks that were read, and of which it is not known where they stand. */
static unsigned unseen(const struct km_tasks *tasks)
{
	unsigned count = 0;

	for (size_t i = 0; i < tasks->count; i++) {
		const struct km_stack *stack = &tasks->tasks[i].stack;

		count += !stack->count || stack->start == KM_STACK_UNKNOWN;
	}
	return count;
}

/*
 * A frozen entry lasts as long as its owner holds it, some microseconds under RCU. Without an owner
 * it stays, and every fault below it is retried.
 */
bool km_diagnose_frozen_spte(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_walk_level *last = c->has_walk ? km_walk_last(&c->walk) : NULL;
	const struct km_task *task;
	const char *function;
	unsigned hidden;
	char who[64];

	if (!last || c->walk.end != KM_END_NOT_PRESENT || last->spte.kind != KM_SPTE_FROZEN)
		return false;
	task = c->tasks ? freezer(c, &function) : NULL;
	hidden = c->tasks ? unseen(c->tasks) : 0;
	km_evidence(d,
		    "SPTE 0x%" PRIx64 " at level %d (table 0x%" PRIx64 ", index %u) is FROZEN_SPTE "
		    "(in older kernels REMOVED_SPTE)",
		    last->spte.value, last->level, last->table_pa, last->index);
	if (task) {
		d->certainty = KM_NOTE;
		km_verdict_says(d, "the SPTE is frozen, by someone who is at work: the fault is "
				   "retried until that is done");
		km_evidence(d, "%s is in %s()", km_task_spell(task, who, sizeof(who)), function);
		return true;
	}
	km_verdict_says(d, "the SPTE is frozen and nobody is found who would thaw it: every fault "
			   "there is retried (RET_PF_RETRY)");
	if (!c->tasks || !c->tasks->complete || hidden) {
		d->certainty = KM_POSSIBLE;
		km_leaves_open(d, "%s: one may be at work there",
			       hidden ? "the stacks of some tasks are not readable"
				      : "not all tasks could be looked at");
	} else {
		d->certainty = KM_LIKELY;
		km_evidence(d, "of %zu threads around KVM none is in a function that freezes SPTEs",
			    c->tasks->count);
	}
	d->stuck = km_case_is_current(c);
	km_evidence_counters(c, d);
	return true;
}
