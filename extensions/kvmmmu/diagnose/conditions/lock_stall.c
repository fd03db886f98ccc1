// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The vCPU does not loop: its thread waits in the host's kernel, for a lock, a grace period or a
 * page. threads/wait.h finds what it waits for; this reports who holds it, and which waits are
 * unusual.
 */
#include "diagnose/diagnose_rules.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Of a lock that readers hold, the owner is the last one to take it, which may have released it. */
static void say_reader(const struct km_case *c, const struct km_held_lock *held,
		       const struct km_task *by, struct km_diagnosis *d)
{
	char who[64], addr[32];

	snprintf(addr, sizeof(addr), "task 0x%" PRIx64, held->holder);
	km_evidence(d, "%s was last taken by a reader, %s%s%s%s, which may have released it since",
		    held->name, by ? km_task_spell(by, who, sizeof(who)) : addr,
		    !by			 ? ""
		    : km_task_sleeps(by) ? ", asleep in "
					 : ", running or runnable in ",
		    by ? km_task_function(km_task_stack(km_case_tasks(c), by)) : "",
		    by ? "()" : "");
}

static void say_holder(const struct km_case *c, const struct km_held_lock *held,
		       const struct km_task *by, struct km_diagnosis *d)
{
	char who[64];

	if (held->by_readers)
		say_reader(c, held, by, d);
	else if (by)
		km_evidence(d, "%s is held by %s, %s in %s()", held->name,
			    km_task_spell(by, who, sizeof(who)),
			    km_task_sleeps(by) ? "asleep" : "running or runnable",
			    km_task_function(km_task_stack(km_case_tasks(c), by)));
	else
		km_evidence(d, "%s is held by task 0x%" PRIx64, held->name, held->holder);
}

/* mmu_lock does not name its holder: a thread of this VM's process that is where it must be held.
 */
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
	return km_task_in_any(km_case_tasks(c), c->vm->mm.v, functions, function);
}

/* Does the thread wait for something of the host's kernel? */
static bool is_in_kernel(enum km_wait_kind kind)
{
	switch (kind) {
	case KM_WAIT_USERFAULT:
	case KM_WAIT_LOCK:
	case KM_WAIT_SRCU:
	case KM_WAIT_PAGE:
		return true;
	case KM_WAIT_NONE:
	case KM_WAIT_HALT:
	case KM_WAIT_APF:
	case KM_WAIT_USERSPACE:
	case KM_WAIT_OTHER:
	case KM_WAIT_UNKNOWN:
		break;
	}
	return false;
}

/* Does the task wait for a semaphore: perhaps for the one of which it was the last reader? */
static bool waits_for_semaphore(const struct km_case *c, const struct km_task *task)
{
	const struct km_stack *stack = km_task_stack(km_case_tasks(c), task);

	return stack && (km_stack_in(stack, "rwsem_down_write_slowpath") ||
			 km_stack_in(stack, "rwsem_down_read_slowpath"));
}

/* How unusual the wait is; @by: who holds the lock, or NULL. */
static enum km_certainty certainty(const struct km_case *c, const struct km_held_lock *held,
				   const struct km_task *by)
{
	enum km_wait_kind kind = c->wait.kind;

	if (kind == KM_WAIT_USERFAULT) /* only userspace ends it */
		return KM_LIKELY;
	if (kind != KM_WAIT_LOCK || !by || !km_task_sleeps(by)) /* short */
		return KM_NOTE;
	if (!held->by_readers)
		return KM_LIKELY;
	return waits_for_semaphore(c, by) ? KM_NOTE : KM_POSSIBLE;
}

bool km_rule_lock_stall(const struct km_case *c, const struct km_held_lock *held,
			struct km_diagnosis *d)
{
	const struct km_wait *wait = &c->wait;
	const struct km_task *by = NULL, *holder;
	char on_cpu[KM_VAL_TEXT], who[64];
	const char *function;

	if (!is_in_kernel(wait->kind))
		return false;
	if (held->holder)
		by = km_task_at(km_case_tasks(c), held->holder);
	holder = under_mmu_lock(c, &function);
	d->certainty = certainty(c, held, by);
	km_at_most(&d->certainty, wait->certainty);
	d->stuck = d->certainty > KM_NOTE;
	km_verdict_says(d, "the vCPU's thread waits in the kernel: %s", wait->text);
	km_evidence(d, "task 0x%" PRIx64 ": __state 0x%" PRIx64 ", on_cpu %s", c->vcpu->task.v,
		    c->vcpu->task_state.v, km_val_spell(c->vcpu->on_cpu, false, on_cpu));
	if (held->holder)
		say_holder(c, held, by, d);
	if (holder)
		km_evidence(d, "%s is in %s(), which holds mmu_lock",
			    km_task_spell(holder, who, sizeof(who)), function);
	if (c->vma.known && c->vma.addr && km_is_known(c->vma.userfaultfd) && c->vma.userfaultfd.v)
		km_evidence(d,
			    "the VMA 0x%" PRIx64
			    " of the faulting page is registered with userfaultfd",
			    c->vma.addr);
	if (wait->kind == KM_WAIT_USERFAULT)
		km_leaves_open(d,
			       "whether the userfaultfd handler provides the page; a second sample "
			       "shows whether it does");
	else if (wait->kind == KM_WAIT_LOCK && held->by_readers)
		km_leaves_open(d, "which tasks hold the lock: it does not record its readers");
	else if (wait->kind == KM_WAIT_LOCK && !held->holder && !holder)
		km_leaves_open(d,
			       "which task holds the lock: this type of lock does not record it");
	else
		km_leaves_open(d, "whether the wait ends: a second sample shows it");
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
