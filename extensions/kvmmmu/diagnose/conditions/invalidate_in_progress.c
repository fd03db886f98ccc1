// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The fault lies in a range that the host is invalidating at this moment: KVM retries until the
 * invalidation ends. This is normal and short; where it lasts, the cause is in the task that
 * invalidates. mmu_invalidate_retry_gfn() of include/linux/kvm_host.h.
 */
#include "diagnose/diagnose_rules.h"

#include <inttypes.h>
#include <stdio.h>

/* Is it the vCPU's own thread, as in a copy-on-write fault of get_user_pages()? */
static bool is_own_thread(const struct km_case *c, const struct km_task *task)
{
	return task && km_is_known(c->vcpu->task) && task->addr == c->vcpu->task.v;
}

static void say_what_happens(const struct km_invalidate_facts *f, bool own, struct km_diagnosis *d)
{
	const char *what = f->unit == KM_RANGE_NONE
				   ? "some memory of the VMM, and this kernel compares no range"
				   : "the range that contains the fault";

	if (own)
		km_verdict_says(
			d,
			"the vCPU's own thread is invalidating %s, as for copy-on-write "
			"while KVM gets the page: KVM retries the fault once that has ended",
			what);
	else
		km_verdict_says(d,
				"the host is invalidating %s: KVM retries the fault until the "
				"invalidation ends%s",
				what,
				f->task && km_task_sleeps(f->task)
					? ", and the task that performs the invalidation sleeps"
					: "");
}

bool km_rule_invalidate_in_progress(const struct km_case *c, const struct km_invalidate_facts *f,
				    struct km_diagnosis *d)
{
	const struct km_vm *vm = c->vm;
	struct km_val n = vm->mmu_invalidate_in_progress;
	char who[64], active[KM_VAL_TEXT], range[96] = "", count[64] = "";
	bool own = is_own_thread(c, f->task);

	if (!km_is_known(n) || (int64_t)n.v <= 0 || !km_case_has_fault(c) ||
	    km_invalidate_covers_case(c, f) != KM_COVERS || !km_case_meets_invalidation(c))
		return false;
	/* no task is inside: see invalidate-leaked */
	if (!f->task && (f->stacks_known || (km_is_known(vm->mn_active_invalidate_count) &&
					     n.v > vm->mn_active_invalidate_count.v)))
		return false;
	d->certainty = KM_NOTE;
	if (f->task && km_task_sleeps(f->task) && !own)
		d->certainty = km_case_in_handler(c) ? KM_LIKELY : KM_POSSIBLE;
	else if (!f->task && km_case_in_handler(c))
		d->certainty = KM_POSSIBLE;
	d->stuck = d->certainty != KM_NOTE;
	say_what_happens(f, own, d);
	if (f->unit != KM_RANGE_NONE)
		snprintf(range, sizeof(range), ", of %ss [0x%" PRIx64 ", 0x%" PRIx64 ")",
			 f->unit == KM_RANGE_HVA ? "HVA" : "gfn", vm->mmu_invalidate_range_start.v,
			 vm->mmu_invalidate_range_end.v);
	if (vm->mn_active_invalidate_count.known != KM_ABSENT)
		snprintf(count, sizeof(count), "; mn_active_invalidate_count %s",
			 km_val_spell(vm->mn_active_invalidate_count, false, active));
	km_evidence(d, "kvm.mmu_invalidate_in_progress %" PRIu64 "%s%s", n.v, range, count);
	km_evidence_page(c, f->unit, d);
	if (f->task)
		km_evidence(d, "%s%s is in %s(), %s", own ? "its own thread " : "",
			    km_task_spell(f->task, who, sizeof(who)), f->function,
			    km_task_sleeps(f->task) ? "asleep" : "running or runnable");
	else
		km_leaves_open(d, "which task invalidates: not all stacks are readable");
	if (own && n.v > 1)
		km_leaves_open(d, "which task performs the other invalidations");
	else if (f->task)
		km_leaves_open(d,
			       "whether the invalidation ends; if a second sample shows the same "
			       "one, it does not");
	return true;
}

bool km_diagnose_invalidate_in_progress(const struct km_case *c, struct km_diagnosis *d)
{
	struct km_val n = c->vm->mmu_invalidate_in_progress;
	struct km_invalidate_facts f;

	if (!km_is_known(n) || !n.v)
		return false;
	f = km_invalidate_facts_read(c);
	return km_rule_invalidate_in_progress(c, &f, d);
}
