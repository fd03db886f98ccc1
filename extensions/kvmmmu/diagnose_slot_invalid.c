// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The gfn's memslot is being deleted or moved: KVM retries the fault until that is done.
 * kvm_mmu_faultin_pfn() of mmu.c, kvm_set_memslot() of virt/kvm/kvm_main.c, which holds slots_lock
 * all the while the flag is seen. It waits (synchronize_srcu_expedited()) for all who look at
 * memslots: a vCPU thread that retries without leaving kvm.srcu waits for it in turn.
 */
#include "diagnose_rules.h"

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

/* Who changes memslots. */
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

/* A thread of the VM's, other than @updater, that sleeps while it handles a fault: inside kvm.srcu.
 */
static const struct km_task *sleeping_reader(const struct km_case *c, const struct km_task *updater)
{
	for (size_t i = 0; c->tasks && i < c->tasks->count; i++) {
		const struct km_task *task = &c->tasks->tasks[i];

		if (task == updater || !task->mm.v || task->mm.v != c->vm->mm.v ||
		    !km_task_sleeps(task))
			continue;
		if (km_stack_in(&task->stack, "kvm_mmu_page_fault") ||
		    km_stack_in(&task->stack, "kvm_arch_vcpu_pre_fault_memory"))
			return task;
	}
	return NULL;
}

bool km_rule_slot_invalid(const struct km_case *c, const struct km_vm_locks *locks,
			  struct km_diagnosis *d)
{
	const struct km_memslot *slot = invalid_slot(c);
	const char *function = NULL;
	const struct km_task *task =
		c->vm->mm.v ? km_task_in_any(c->tasks, c->vm->mm.v, updaters, &function) : NULL;
	bool hit = slot && slot == c->slot && km_case_has_fault(c);
	bool nobody = !task && km_is_known(locks->slots_lock_owner) && !locks->slots_lock_owner.v;
	bool srcu = task && waits_for_srcu(task);
	bool deadlock = srcu && km_case_in_prefault(c);
	const struct km_task *reader = srcu && !deadlock ? sleeping_reader(c, task) : NULL;
	char who[64];

	if (!slot || (!hit && !nobody))
		return false;
	if (nobody)
		d->certainty = KM_PROVEN;
	else if (deadlock || reader)
		d->certainty = km_case_in_handler(c) ? KM_LIKELY : KM_POSSIBLE;
	else
		d->certainty = !task && km_case_in_handler(c) ? KM_POSSIBLE : KM_NOTE;
	d->stuck = hit && d->certainty != KM_NOTE;
	if (nobody)
		km_verdict_says(d,
				"memslot %" PRId64 " was left marked as invalid, and nobody is "
				"changing memslots: KVM retries every fault in it for ever",
				slot->id);
	else if (reader)
		km_verdict_says(d,
				"memslot %" PRId64 " is being removed, and the removal waits for a "
				"thread that sleeps inside KVM: until then KVM retries every fault "
				"in it",
				slot->id);
	else if (deadlock)
		km_verdict_says(d,
				"deadlock: the vCPU's prefault retries while memslot %" PRId64
				" is being removed, and the removal waits until the prefault "
				"is over",
				slot->id);
	else
		km_verdict_says(d,
				"memslot %" PRId64 " is being deleted or moved: KVM retries the "
				"fault until that is done",
				slot->id);
	km_evidence(d,
		    "memslot %" PRId64 " at 0x%" PRIx64 ": flags 0x%" PRIx64
		    " with KVM_MEMSLOT_INVALID, gfn 0x%" PRIx64 ", %" PRIu64 " pages",
		    slot->id, slot->addr, slot->flags, slot->base_gfn, slot->npages);
	if (hit)
		km_evidence(d, "the fault's gfn is 0x%" PRIx64, c->gfn);
	if (nobody)
		km_evidence(d, "kvm.slots_lock has no owner");
	if (task)
		km_evidence(d, "%s is in %s()%s", km_task_spell(task, who, sizeof(who)), function,
			    srcu ? ", waiting for a grace period of kvm.srcu" : "");
	if (reader)
		km_evidence(d, "%s sleeps in %s() while it handles a fault, inside kvm.srcu",
			    km_task_spell(reader, who, sizeof(who)), km_task_stands_in(reader));
	if (km_case_in_prefault(c))
		km_evidence(d,
			    "the vCPU's thread is in KVM_PRE_FAULT_MEMORY, which holds kvm.srcu");
	if (!task && !nobody && km_is_known(locks->slots_lock_owner))
		km_evidence(d, "kvm.slots_lock is held by task 0x%" PRIx64,
			    locks->slots_lock_owner.v);
	if (!deadlock) {
		d->known_cases = NULL;
		d->advice = nobody   ? "look for memory corruption around the memslot, and in the "
				       "host's log for a thread that died in kvm_set_memslot()"
			    : reader ? "look at what the sleeping thread waits for"
				     : NULL;
	}
	if (deadlock && !nobody)
		km_leaves_open(d, "kernels with 3ccbf6f47098 end the prefault with -EAGAIN here: "
				  "a second look tells");
	else if (task)
		km_leaves_open(d,
			       "a second look: the same slot and task mean that it does not end");
	else if (!nobody)
		km_leaves_open(d,
			       "who changes memslots: not all stacks, or not the lock, are known");
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
