// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A task that flushes remote TLBs waits until every CPU that runs a vCPU of the VM has acknowledged
 * an interrupt (KVM_REQUEST_WAIT of KVM_REQ_TLB_FLUSH). 6.1 and 6.12 do that while an SPTE is
 * frozen, and every kernel does it under mmu_lock on some paths: one CPU with interrupts disabled
 * stalls the VM. kvm_make_vcpus_request_mask() and kvm_request_needs_ipi() of virt/kvm/kvm_main.c.
 */
#include "diagnose/diagnose_rules.h"
#include "threads/freezing.h"

#include <inttypes.h>

/* Modes of kvm_vcpu.mode that a requester waits for, beside that of a vCPU in the guest. */
#define READING_SHADOW_PAGE_TABLES 3

static const struct km_task *find_waiter(const struct km_case *c)
{
	const struct km_tasks *tasks = km_case_tasks(c);

	for (size_t i = 0; tasks && i < tasks->count; i++) {
		const struct km_task *task = &tasks->tasks[i];

		if (km_is_known(task->mm) && task->mm.v && task->mm.v != c->vm->mm.v)
			continue;
		if (km_task_flushes_tlbs(task) &&
		    km_stack_in(&task->stack, "smp_call_function_many_cond"))
			return task;
	}
	return NULL;
}

/* A vCPU that was told to leave the guest and has not acknowledged it yet. */
static const struct km_vcpu *find_silent_vcpu(const struct km_vm *vm)
{
	for (size_t i = 0; i < vm->vcpu_count; i++) {
		const struct km_vcpu *v = &vm->vcpus[i];

		if (km_is_known(v->mode) &&
		    (v->mode.v == KM_EXITING_GUEST_MODE || v->mode.v == READING_SHADOW_PAGE_TABLES))
			return v;
	}
	return NULL;
}

/* Does the fault wait for it: is it retried because of a frozen entry, or does it wait for a lock?
 */
static bool depends_on_flush(const struct km_case *c)
{
	const struct km_walk_level *last = c->has_walk ? km_walk_last(&c->walk) : NULL;

	if (c->wait.kind == KM_WAIT_LOCK && !strcmp(c->wait.lock, "mmu_lock"))
		return true;
	return km_case_is_current(c) && last && last->spte.kind == KM_SPTE_FROZEN;
}

bool km_diagnose_tlb_flush_stall(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_task *waiter = depends_on_flush(c) ? find_waiter(c) : NULL;
	const struct km_vcpu *silent;
	char who[64], cpu[KM_VAL_TEXT];

	if (!waiter)
		return false;
	silent = find_silent_vcpu(c->vm);
	/* such a wait takes microseconds: one moment cannot show that it lasts */
	d->certainty = silent ? KM_POSSIBLE : KM_NOTE;
	km_verdict_says(d, "the fault waits for a task that flushes remote TLBs, and that task "
			   "waits for CPUs to acknowledge the flush");
	km_evidence(d, "%s is in smp_call_function_many_cond(), under kvm_flush_remote_tlbs*()",
		    km_task_spell(waiter, who, sizeof(who)));
	if (silent)
		km_evidence(d,
			    "vCPU %u has not acknowledged the flush: kvm_vcpu.mode %" PRIu64
			    ", CPU %s",
			    silent->idx, silent->mode.v, km_val_spell(silent->cpu, false, cpu));
	km_leaves_open(d, "whether that CPU has interrupts disabled: its backtrace shows it; if a "
			  "second sample has the same tasks, they stall");
	return true;
}
