// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The TDP MMU freezes an entry before it changes what is below it, and thaws it right after:
 * tdp_mmu_zap_spte_atomic(), handle_removed_pt(). Without an owner it stays frozen.
 */
#include "threads/freezing.h"
#include "threads/tasks_read.h"
#include "audit/look.h"

enum km_look_answer km_audit_frozen(const struct km_look *at, struct km_anomaly *a)
{
	const struct km_tasks *tasks;
	const char *function;

	if (at->spte.kind != KM_SPTE_FROZEN)
		return KM_FITS;
	tasks = km_tasks_get(at->all->tasks);
	if (km_freezing_task(tasks, at->all->vm->mm.v, &function))
		return KM_FITS;
	if (!tasks || !tasks->complete || km_tasks_unseen(tasks)) {
		a->certainty = KM_NOTE;
		km_anomaly_says(a, "it is frozen; not all threads could be examined: one of them "
				   "may be its owner");
	} else {
		km_anomaly_says(a,
				"it is frozen, and none of %zu threads is in a function that "
				"freezes entries",
				tasks->count);
	}
	return KM_ANOMALY;
}
