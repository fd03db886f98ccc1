// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The vCPU does not loop: its thread waits in the host's kernel, for a lock, a grace period, a
 * page. What it waits for is found by wait.h; here is said who has it, and which of that is no
 * everyday matter.
 */
#include "diagnose_rules.h"

#include <inttypes.h>
#include <string.h>

static void say_holder(const struct km_held_lock *held, const struct km_task *by,
		       struct km_diagnosis *d)
{
	const char *readers = held->by_readers ? "readers, the last of them " : "";
	char who[64];

	if (by)
		km_evidence(d, "%s is held by %s%s, %s in %s()", held->name, readers,
			    km_task_spell(by, who, sizeof(who)),
			    km_task_sleeps(by) ? "asleep" : "running or ready to run",
			    km_task_stands_in(by));
	else
		km_evidence(d, "%s is held by %stask 0x%" PRIx64, held->name, readers,
			    held->holder);
}

/* mmu_lock names nobody: a thread of this VM's process that is where it has to be held. */
static const struct km_task *under_mmu_lock(const struct km_case *c, const char **function)
{
	static const char *const functions[] = {
		"kvm_unmap_gfn_range",
		"tdp_mmu_zap_leafs",
		"__kvm_mmu_prepare_zap_page",
		NULL,
	};

	if (c->wait.kind != KM_WAIT_LOCK || strcmp(c->wait.lock, "mmu_lock") || !c->vm->mm.v)
		return NULL;
	return km_task_in_any(c->tasks, c->vm->mm.v, functions, function);
}

bool km_rule_lock_stall(const struct km_case *c, const struct km_held_lock *held,
			struct km_diagnosis *d)
{
	const struct km_task *by = km_task_at(c->tasks, held->holder);
	const struct km_wait *wait = &c->wait;
	char on_cpu[KM_VAL_TEXT], who[64];
	const char *function;
	const struct km_task *holder = under_mmu_lock(c, &function);

	switch (wait->kind) {
	case KM_WAIT_USERFAULT: /* nobody but userspace ends it */
		d->certainty = KM_LIKELY;
		break;
	case KM_WAIT_LOCK: /* short, unless who has it sleeps */
		d->certainty = KM_NOTE;
		if (by && km_task_sleeps(by))
			d->certainty = held->by_readers ? KM_POSSIBLE : KM_LIKELY;
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
	km_evidence(d, "task 0x%" PRIx64 ": __state 0x%" PRIx64 ", on_cpu %s", c->vcpu->task.v,
		    c->vcpu->task_state.v, km_val_spell(c->vcpu->on_cpu, false, on_cpu));
	if (held->holder)
		say_holder(held, by, d);
	if (holder)
		km_evidence(d, "%s is in %s(), which works under mmu_lock",
			    km_task_spell(holder, who, sizeof(who)), function);
	if (c->vma.known && c->vma.addr && km_is_known(c->vma.userfaultfd) && c->vma.userfaultfd.v)
		km_evidence(d,
			    "the VMA 0x%" PRIx64
			    " of the faulting page is registered with userfaultfd",
			    c->vma.addr);
	if (wait->kind == KM_WAIT_USERFAULT)
		km_leaves_open(d, "whether who serves userfaultfd will bring the page: a second "
				  "look tells");
	else if (wait->kind == KM_WAIT_LOCK && !held->holder && !holder)
		km_leaves_open(d, "who holds the lock: it does not name its holder");
	else
		km_leaves_open(d, "whether it goes on: a second look tells");
	return true;
}

bool km_diagnose_lock_stall(const struct km_case *c, struct km_diagnosis *d)
{
	struct km_held_lock held = {0};

	if (c->wait.kind == KM_WAIT_LOCK && !strcmp(c->wait.lock, "mmap_lock"))
		held = km_vm_mmap_lock(c->kernel, c->vm);
	else if (c->wait.kind == KM_WAIT_LOCK && !c->wait.lock[0])
		held = km_vm_mutex_of(c->kernel, c->vm, c->vcpu->task.v);
	return km_rule_lock_stall(c, &held, d);
}
