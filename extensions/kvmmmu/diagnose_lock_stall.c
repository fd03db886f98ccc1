// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The vCPU does not loop: its thread waits in the host's kernel, for a lock, a grace period, a
 * page. What it waits for is found by wait.h; here is said who has it, and which of that is no
 * everyday matter.
 */
#include "diagnose_rules.h"

#include <inttypes.h>

static void say_holder(const struct km_wait *wait, struct km_diagnosis *d)
{
	char who[64];

	if (wait->held_by)
		km_evidence(d, "%s is held by %s, %s in %s()", wait->lock,
			    km_task_spell(wait->held_by, who, sizeof(who)),
			    km_task_sleeps(wait->held_by) ? "asleep" : "running or ready to run",
			    km_task_stands_in(wait->held_by));
	else if (wait->holder)
		km_evidence(d, "%s is held by task 0x%" PRIx64, wait->lock, wait->holder);
}

bool km_diagnose_lock_stall(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_wait *wait = &c->wait;

	switch (wait->kind) {
	case KM_WAIT_USERFAULT: /* nobody but userspace ends it */
		d->certainty = KM_LIKELY;
		break;
	case KM_WAIT_LOCK: /* short, unless who has it sleeps */
		d->certainty = wait->held_by && km_task_sleeps(wait->held_by) ? KM_LIKELY : KM_NOTE;
		break;
	case KM_WAIT_SRCU:
	case KM_WAIT_PAGE:
		d->certainty = KM_NOTE;
		break;
	default:
		return false;
	}
	if (wait->certainty < d->certainty)
		d->certainty = wait->certainty;
	d->stuck = d->certainty > KM_NOTE;
	km_verdict_says(d, "the vCPU's thread waits in the kernel: %s", wait->text);
	km_evidence(d, "task 0x%" PRIx64 ": __state 0x%" PRIx64 ", on_cpu %" PRIu64,
		    c->vcpu->task.v, c->vcpu->task_state.v, c->vcpu->on_cpu.v);
	say_holder(wait, d);
	if (c->vma.known && c->vma.addr && km_is_known(c->vma.userfaultfd) && c->vma.userfaultfd.v)
		km_evidence(d,
			    "the VMA 0x%" PRIx64
			    " of the faulting page is registered with userfaultfd",
			    c->vma.addr);
	if (wait->kind == KM_WAIT_USERFAULT)
		km_leaves_open(d, "whether who serves userfaultfd will bring the page: a second "
				  "look tells");
	else if (wait->kind == KM_WAIT_LOCK && !wait->holder)
		km_leaves_open(d, "who holds the lock: it does not tell");
	else
		km_leaves_open(d, "whether it goes on: a second look tells");
	return true;
}
