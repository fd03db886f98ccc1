// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The gfn's memslot is being deleted or moved: KVM retries the fault until that is done.
 * kvm_mmu_faultin_pfn() of mmu.c, kvm_set_memslot() of virt/kvm/kvm_main.c, which holds slots_lock
 * as long as the flag is visible. It waits until all mmu_notifier invalidations have ended
 * (kvm_swap_active_memslots()), and (synchronize_srcu_expedited()) for all readers of memslots: a
 * vCPU thread that retries without leaving kvm.srcu waits for the update in turn.
 */
#include "diagnose/diagnose_rules.h"

#include <inttypes.h>

/* The slot of the fault if it is invalid, else any that is. */
static const struct km_memslot *invalid_slot(const struct km_case *c)
{
	if (c->slot && (c->slot->flags & KVM_MEMSLOT_INVALID))
		return c->slot;
	for (size_t i = 0; i < c->slots.count; i++) {
		if (c->slots.slots[i].flags & KVM_MEMSLOT_INVALID)
			return &c->slots.slots[i];
	}
	return NULL;
}

/* Functions that update memslots. */
static const char *const updaters[] = {
	"kvm_swap_active_memslots",
	"install_new_memslots",
	"kvm_invalidate_memslot",
	"kvm_set_memslot",
	"kvm_set_memory_region",
	"__kvm_set_memory_region",
	NULL,
};

static bool waits_for_srcu(const struct km_task *task)
{
	return km_stack_in(&task->stack, "__synchronize_srcu") ||
	       km_stack_in(&task->stack, "synchronize_srcu_expedited") ||
	       km_stack_in(&task->stack, "synchronize_srcu");
}

/* A thread of the VM, other than @updater, that sleeps while it handles a fault: inside kvm.srcu.
 */
static const struct km_task *sleeping_reader(const struct km_case *c, const struct km_task *updater)
{
	const struct km_tasks *tasks = km_case_tasks(c);

	for (size_t i = 0; tasks && i < tasks->count; i++) {
		const struct km_task *task = &tasks->tasks[i];
		const struct km_stack *stack;

		if (task == updater || !task->mm.v || task->mm.v != c->vm->mm.v ||
		    !km_task_sleeps(task))
			continue;
		stack = km_task_stack(tasks, task);
		if (km_stack_in(stack, "kvm_mmu_page_fault") ||
		    km_stack_in(stack, "kvm_arch_vcpu_pre_fault_memory"))
			return task;
	}
	return NULL;
}

/* Why the update of memslots does not end, if that is known. */
enum reason {
	UNDER_WAY, /* nothing unusual */
	NOBODY,	   /* no task updates memslots */
	DEADLOCK,  /* it waits for this vCPU's prefault, which retries */
	READER,	   /* it waits for a thread that sleeps inside kvm.srcu */
	NOTIFIER,  /* it waits until invalidations have ended */
};

struct update {
	enum reason reason;
	const struct km_task *task;  /* that updates memslots; NULL: none was found */
	const char *function;	     /* that it is in */
	const struct km_task *other; /* READER: the thread; NOTIFIER: the task that invalidates */
	const char *other_function;
};

static bool waits_for_notifiers(const struct km_case *c, const struct km_task *task)
{
	return km_stack_in(&task->stack, "kvm_swap_active_memslots") && km_task_sleeps(task) &&
	       km_is_known(c->vm->mn_active_invalidate_count) &&
	       c->vm->mn_active_invalidate_count.v;
}

static struct update find_update(const struct km_case *c, const struct km_vm_locks *locks)
{
	struct update u = {.reason = UNDER_WAY};

	if (c->vm->mm.v)
		u.task = km_task_in_any(km_case_tasks(c), c->vm->mm.v, updaters, &u.function);
	if (!u.task) {
		if (km_is_known(locks->slots_lock_owner) && !locks->slots_lock_owner.v)
			u.reason = NOBODY;
		return u;
	}
	if (waits_for_srcu(u.task) && km_case_in_prefault(c)) {
		u.reason = DEADLOCK;
	} else if (waits_for_srcu(u.task)) {
		u.other = sleeping_reader(c, u.task);
		if (u.other) {
			u.reason = READER;
			u.other_function =
				km_task_function(km_task_stack(km_case_tasks(c), u.other));
		}
	} else if (waits_for_notifiers(c, u.task)) {
		u.reason = NOTIFIER;
		u.other = km_invalidating_task(km_case_tasks(c), c->vm->mm.v, &u.other_function);
	}
	return u;
}

static enum km_certainty certainty(const struct km_case *c, const struct update *u)
{
	switch (u->reason) {
	case NOBODY:
		return KM_PROVEN;
	case DEADLOCK:
	case READER:
		return km_case_in_handler(c) ? KM_LIKELY : KM_POSSIBLE;
	case NOTIFIER:
		return u->other && km_task_sleeps(u->other) && km_case_in_handler(c) ? KM_LIKELY
										     : KM_POSSIBLE;
	case UNDER_WAY:
		break;
	}
	return !u->task && km_case_in_handler(c) ? KM_POSSIBLE : KM_NOTE;
}

static void say_verdict(int64_t id, enum reason reason, struct km_diagnosis *d)
{
	switch (reason) {
	case NOBODY:
		km_verdict_says(d,
				"memslot %" PRId64
				" is still marked as invalid, but no task is updating memslots: "
				"KVM retries every fault in it endlessly",
				id);
		break;
	case READER:
		km_verdict_says(d,
				"memslot %" PRId64 " is being deleted or moved, and the update "
				"waits for a thread that sleeps inside KVM: until the update "
				"completes, KVM retries every fault in this memslot",
				id);
		break;
	case DEADLOCK:
		km_verdict_says(d,
				"deadlock: the vCPU's prefault retries while memslot %" PRId64
				" is being deleted or moved, and the update waits for the prefault "
				"to end",
				id);
		break;
	case NOTIFIER:
		km_verdict_says(d,
				"memslot %" PRId64 " is being deleted or moved, and the update "
				"waits for an mmu_notifier invalidation to end: until the update "
				"completes, KVM retries every fault in this memslot",
				id);
		break;
	case UNDER_WAY:
		km_verdict_says(d,
				"memslot %" PRId64 " is being deleted or moved: KVM retries the "
				"fault until the update is complete",
				id);
		break;
	}
}

static void say_tasks(const struct km_case *c, const struct update *u, struct km_diagnosis *d)
{
	char who[64];

	if (u->reason == NOBODY)
		km_evidence(d, "kvm.slots_lock has no owner");
	if (u->task)
		km_evidence(
			d, "%s is in %s()%s", km_task_spell(u->task, who, sizeof(who)), u->function,
			waits_for_srcu(u->task) ? ", waiting for a grace period of kvm.srcu" : "");
	if (u->reason == READER)
		km_evidence(d, "%s sleeps in %s() while it handles a fault, inside kvm.srcu",
			    km_task_spell(u->other, who, sizeof(who)), u->other_function);
	if (u->reason == NOTIFIER)
		km_evidence(d, "kvm.mn_active_invalidate_count is %" PRIu64,
			    c->vm->mn_active_invalidate_count.v);
	if (u->reason == NOTIFIER && u->other)
		km_evidence(d, "%s is in %s(), %s", km_task_spell(u->other, who, sizeof(who)),
			    u->other_function,
			    km_task_sleeps(u->other) ? "asleep" : "running or runnable");
	if (km_case_in_prefault(c))
		km_evidence(d,
			    "the vCPU's thread is in KVM_PRE_FAULT_MEMORY, which holds kvm.srcu");
}

bool km_rule_slot_invalid(const struct km_case *c, const struct km_vm_locks *locks,
			  struct km_diagnosis *d)
{
	const struct km_memslot *slot = invalid_slot(c);
	struct update u = find_update(c, locks);
	bool hit = slot && slot == c->slot && km_case_has_fault(c);
	/* where the fault is not known, the counters show that faults are retried */
	bool retried = !km_case_has_fault(c) && u.reason != UNDER_WAY &&
		       km_case_counts(c).balance == KM_BALANCE_RETRIED;

	if (!slot || (!hit && !retried && u.reason != NOBODY))
		return false;
	d->certainty = retried ? KM_POSSIBLE : certainty(c, &u);
	d->stuck = hit && d->certainty != KM_NOTE;
	if (retried)
		km_rests_on_counts(c, KM_BALANCE_RETRIED, d);
	say_verdict(slot->id, u.reason, d);
	km_evidence(d,
		    "memslot %" PRId64 " at 0x%" PRIx64 ": flags 0x%" PRIx64
		    " with KVM_MEMSLOT_INVALID, gfn 0x%" PRIx64 ", %" PRIu64 " pages",
		    slot->id, slot->addr, slot->flags, slot->base_gfn, slot->npages);
	if (hit)
		km_evidence(d, "the fault's gfn is 0x%" PRIx64, c->gfn);
	else if (retried)
		km_evidence_counters(c, d);
	say_tasks(c, &u, d);
	if (!u.task && u.reason != NOBODY && km_is_known(locks->slots_lock_owner))
		km_evidence(d, "kvm.slots_lock is held by task 0x%" PRIx64,
			    locks->slots_lock_owner.v);
	if (u.reason == DEADLOCK)
		d->known |= KM_BIT(KM_WHEN_PREFAULT);
	d->advise = u.reason != UNDER_WAY;
	if (u.reason == DEADLOCK)
		km_leaves_open(d, "whether this kernel has 3ccbf6f47098, which makes the prefault "
				  "fail with -EAGAIN; a second sample shows whether it does");
	else if (u.task)
		km_leaves_open(d, "whether the update ends; if a second sample shows the same "
				  "memslot and task, it does not");
	else if (u.reason != NOBODY)
		km_leaves_open(
			d, "which task updates memslots: the lock or some stacks are not readable");
	return true;
}

bool km_diagnose_slot_invalid(const struct km_case *c, struct km_diagnosis *d)
{
	struct km_vm_locks locks;

	if (!invalid_slot(c))
		return false;
	locks = km_vm_locks_read(c->kernel, c->vm);
	return km_rule_slot_invalid(c, &locks, d);
}
