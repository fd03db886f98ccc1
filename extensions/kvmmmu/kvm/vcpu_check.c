// SPDX-License-Identifier: GPL-2.0-or-later
/* Is it really a vCPU: do the structures that point to it and those that it points to agree? */
#include "kvm/vcpu.h"

#include "kernel/task_state.h"

#include <inttypes.h>

#define MAX_CPUS 8192

/* Is it known, and is it another value? */
static bool differs(struct km_val val, uint64_t expected)
{
	return km_is_known(val) && val.v != expected;
}

/*
 * kvm_vcpu.kvm and vcpu_idx point back, and arch.mmu points into the vCPU itself. One of them may
 * be corrupted; if more are wrong than right, this is not the vCPU.
 */
static void check_identity(const struct km_kernel *k, uint64_t kvm, struct km_vcpu *v)
{
	struct km_val back = km_kconfirm(k, v->addr, KM_M_kvm_vcpu_kvm);
	struct km_val idx = km_kconfirm(k, v->addr, KM_M_kvm_vcpu_vcpu_idx);
	uint32_t size = km_layout_sizeof(k->layout, KM_T_kvm_vcpu);
	int right = km_is_known(back) + km_is_known(idx) + km_is_known(v->mmu), wrong = 0;

	if (differs(back, kvm)) {
		km_contradict(&v->contradictions,
			      "kvm_vcpu.kvm is 0x%" PRIx64 ", not this VM at 0x%" PRIx64, back.v,
			      kvm);
		wrong++;
	}
	if (differs(idx, v->idx)) {
		km_contradict(&v->contradictions,
			      "kvm_vcpu.vcpu_idx is %" PRIu64 ", its index in the VM is %u", idx.v,
			      v->idx);
		wrong++;
	}
	if (size && km_is_known(v->mmu) && v->mmu.v - v->addr >= size) {
		km_contradict(&v->contradictions,
			      "kvm_vcpu.arch.mmu is 0x%" PRIx64 ", which is not inside the vCPU",
			      v->mmu.v);
		wrong++;
	}
	v->foreign = wrong > right - wrong;
}

static void check_values(struct km_vcpu *v)
{
	if (km_is_known(v->mode) && !km_vcpu_mode_name(v->mode.v))
		km_contradict(&v->contradictions,
			      "kvm_vcpu.mode is 0x%" PRIx64 ", which is not a mode", v->mode.v);
	if (km_is_known(v->mp_state) && !km_mp_state_name(v->mp_state.v))
		km_contradict(&v->contradictions,
			      "kvm_vcpu.arch.mp_state is 0x%" PRIx64 ", which is not a state",
			      v->mp_state.v);
	/* -1: never loaded */
	if (km_is_known(v->cpu) && v->cpu.v + 1 > MAX_CPUS)
		km_contradict(&v->contradictions,
			      "kvm_vcpu.cpu is 0x%" PRIx64 ", which is not a CPU", v->cpu.v);
}

static void check_pointer(struct km_vcpu *v, const char *name, struct km_val pointer)
{
	if (km_is_known(pointer) && pointer.v && !km_is_kernel_address(pointer.v))
		km_contradict(&v->contradictions,
			      "%s is 0x%" PRIx64 ", which is not a kernel address", name,
			      pointer.v);
}

static void check_counters(struct km_vcpu *v)
{
	const struct km_vcpu_stats *s = &v->stats;

	if (!km_is_known(s->pf_taken))
		return;
	if (s->pf_spurious.v > s->pf_taken.v || s->pf_emulate.v > s->pf_taken.v)
		km_contradict(&v->contradictions,
			      "its counters have %" PRIu64 " faults, of which %" PRIu64
			      " spurious and %" PRIu64 " emulated",
			      s->pf_taken.v, s->pf_spurious.v, s->pf_emulate.v);
}

/* Only KVM_RUN sets kvm_vcpu.pid, makes exits and enters the guest. */
static void check_never_ran(struct km_vcpu *v)
{
	if (!km_vcpu_never_ran(v))
		return;
	if (km_is_known(v->stats.exits) && v->stats.exits.v)
		km_contradict(
			&v->contradictions,
			"according to kvm_vcpu.pid, no thread ever ran it, but it had %" PRIu64
			" exits",
			v->stats.exits.v);
	if (km_vcpu_in_guest(v))
		km_contradict(
			&v->contradictions,
			"according to kvm_vcpu.pid, no thread ever ran it, but it is in the guest");
}

/*
 * Is the task one that sleeps, and stays on its run queue until it would be chosen to run? Capsules
 * of earlier versions do not have the member, whether or not the kernel has it.
 */
static bool may_be_delayed(const struct km_kernel *k, uint64_t task)
{
	struct km_val delayed;

	if (!km_has(k->layout, KM_M_task_struct_sched_delayed))
		return km_target_info(km_memory_target(k->mem));
	delayed = km_kconfirm(k, task, KM_M_task_struct_sched_delayed);
	return !km_is_known(delayed) || delayed.v;
}

/* A task that may run is on a CPU or on a run queue, and one that sleeps is on neither. */
static void check_run_queue(const struct km_kernel *k, struct km_vcpu *v)
{
	struct km_val on_rq = km_kconfirm(k, v->task.v, KM_M_task_struct_on_rq);
	bool delayed = may_be_delayed(k, v->task.v); /* read in any case, for capsules */

	if (km_is_known(v->task_state) && !v->task_state.v && km_is_known(v->on_cpu) &&
	    !v->on_cpu.v && km_is_known(on_rq) && !on_rq.v)
		km_contradict(&v->contradictions, "its thread's state is 0, running, but it is on "
						  "neither a CPU nor a run queue");
	if (km_is_known(v->task_state) &&
	    v->task_state.v & (TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE) &&
	    km_is_known(v->on_cpu) && !v->on_cpu.v && km_is_known(on_rq) && on_rq.v == 1 &&
	    !delayed)
		km_contradict(&v->contradictions,
			      "its thread's state is 0x%" PRIx64
			      ", asleep, but it is on a run queue",
			      v->task_state.v);
}

static void check_thread(const struct km_kernel *k, struct km_val mm, struct km_vcpu *v)
{
	uint64_t task = v->task.v;
	struct km_val thread_pid, task_mm, nr;

	if (!km_is_known(v->task) || !task)
		return;
	thread_pid = km_kconfirm(k, task, KM_M_task_struct_thread_pid);
	task_mm = km_kconfirm(k, task, KM_M_task_struct_mm);
	nr = km_kconfirm(k, task, KM_M_task_struct_pid);
	if (v->pid && differs(thread_pid, v->pid))
		km_contradict(&v->contradictions,
			      "its thread's task_struct.thread_pid is 0x%" PRIx64
			      ", kvm_vcpu.pid is 0x%" PRIx64,
			      thread_pid.v, v->pid);
	else if (km_is_known(v->tid) && differs(nr, v->tid.v))
		km_contradict(&v->contradictions,
			      "its thread has PID %" PRIu64 ", kvm_vcpu.pid has %" PRIu64, nr.v,
			      v->tid.v);
	/* an exiting thread has none any more */
	if (task_mm.v && km_is_known(mm) && differs(task_mm, mm.v))
		km_contradict(&v->contradictions,
			      "its thread's mm is 0x%" PRIx64 ", the VM's is 0x%" PRIx64, task_mm.v,
			      mm.v);
	if (km_is_known(v->task_state) && !km_task_state_is_possible(v->task_state.v))
		km_contradict(&v->contradictions,
			      "its thread's task_struct.__state is 0x%" PRIx64
			      ", which is not a state",
			      v->task_state.v);
	if (km_is_known(v->on_cpu) && v->on_cpu.v > 1)
		km_contradict(&v->contradictions,
			      "its thread's task_struct.on_cpu is %" PRIu64 ", not 0 or 1",
			      v->on_cpu.v);
	check_run_queue(k, v);
}

void km_vcpu_check(const struct km_kernel *k, uint64_t kvm, struct km_val mm, struct km_vcpu *v)
{
	check_identity(k, kvm, v);
	check_values(v);
	check_pointer(v, "kvm_vcpu.pid", km_kconfirm(k, v->addr, KM_M_kvm_vcpu_pid));
	check_pointer(v, "the owner of kvm_vcpu.mutex",
		      km_lock_owner(km_kconfirm(k, v->addr, KM_M_kvm_vcpu_mutex_owner)));
	check_pointer(v, "its thread's task_struct", v->task);
	check_counters(v);
	check_never_ran(v);
	check_thread(k, mm, v);
}
