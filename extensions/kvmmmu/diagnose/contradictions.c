// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnose/contradictions.h"

#include "kernel/task_state.h"
#include "threads/invalidation.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MP_STATE_UNINITIALIZED 1

static const struct km_stack *stack_of(const struct km_case *c)
{
	return c->last.has_stack ? &c->last.stack : NULL;
}

/* Is the thread, for certain, in @function? */
static bool is_in(const struct km_stack *stack, const char *function)
{
	const struct km_frame *frame = stack ? km_stack_in(stack, function) : NULL;

	return frame && frame->sure;
}

/* Are all frames certain and named, so that what is not among them is not on the stack? */
static bool is_certain(const struct km_stack *stack)
{
	for (size_t i = 0; stack && i < stack->count; i++) {
		if (!stack->frames[i].sure || !stack->frames[i].function[0])
			return false;
	}
	return stack && stack->count && stack->count < KM_FRAMES && !stack->pages_missing;
}

static bool is_in_any(const struct km_stack *stack, const char *const *functions)
{
	for (; *functions; functions++) {
		if (is_in(stack, *functions))
			return true;
	}
	return false;
}

/* Interrupts are disabled while kvm_vcpu.mode is not OUTSIDE_GUEST_MODE: nothing sleeps then. */
static void check_mode(struct km_case *c)
{
	const struct km_vcpu *v = c->vcpu;
	const char *mode = km_is_known(v->mode) ? km_vcpu_mode_name(v->mode.v) : NULL;

	if (!mode || !v->mode.v)
		return;
	if (km_is_known(v->on_cpu) && !v->on_cpu.v && km_is_known(v->task) && v->task.v)
		km_contradict(&c->contradictions, "its mode is %s, but its thread is not on a CPU",
			      mode);
	else if (c->last.handling && v->mode.v == KM_IN_GUEST_MODE)
		km_contradict(&c->contradictions, "its mode is %s, but its thread handles a fault",
			      mode);
}

/* A vCPU that waits for its start blocks in kvm_vcpu_block(). */
static void check_mp_state(struct km_case *c)
{
	const struct km_vcpu *v = c->vcpu;

	if (km_is_known(v->mp_state) && v->mp_state.v == MP_STATE_UNINITIALIZED &&
	    (km_vcpu_in_guest(v) || c->last.handling))
		km_contradict(&c->contradictions,
			      "its mp_state is UNINITIALIZED, but it runs the guest");
}

/* States in which a thread can only be at certain places. */
static void check_task_state(struct km_case *c)
{
	static const char *const stops[] = {"ptrace_stop",
					    "do_signal_stop",
					    "do_jobctl_trap",
					    "ptrace_notify",
					    "get_signal",
					    "do_notify_parent_cldstop",
					    NULL};
	static const char *const exits[] = {"do_exit", "do_task_dead", "make_task_dead", NULL};
	const struct km_stack *stack = stack_of(c);
	static const char *const sleeps[] = {"schedule",
					     "schedule_timeout",
					     "schedule_hrtimeout_range",
					     "schedule_hrtimeout_range_clock",
					     "schedule_preempt_disabled",
					     "io_schedule",
					     "kvm_vcpu_block",
					     "do_nanosleep",
					     "futex_wait_queue",
					     "do_sys_poll",
					     NULL};
	uint64_t state = c->vcpu->task_state.v;

	if (!km_is_known(c->vcpu->task_state) || !stack || !stack->count ||
	    !stack->frames[0].sure || stack->task != c->vcpu->task.v)
		return;
	if (state & (TASK_STOPPED | TASK_TRACED) && !is_in_any(stack, stops))
		km_contradict(&c->contradictions,
			      "its thread's state is 0x%" PRIx64
			      ", stopped, but its stack is not in a function that stops a task",
			      state);
	if (state & (TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE | TASK_FROZEN) &&
	    is_certain(stack) && !is_in_any(stack, sleeps))
		km_contradict(&c->contradictions,
			      "its thread's state is 0x%" PRIx64
			      ", asleep, but its stack is not in a function that sleeps",
			      state);
	if (state & TASK_DEAD && !is_in_any(stack, exits))
		km_contradict(&c->contradictions,
			      "its thread's state is 0x%" PRIx64
			      ", dead, but its stack is not in do_exit()",
			      state);
}

/* How the stack was found, and whether the thread is on a CPU, come from the same member. */
static void check_on_cpu(struct km_case *c)
{
	const struct km_stack *stack = stack_of(c);
	struct km_val on_cpu = c->vcpu->on_cpu;

	if (!stack || !km_is_known(on_cpu) || stack->task != c->vcpu->task.v)
		return;
	if (stack->start == KM_STACK_SWITCHED_OUT && on_cpu.v)
		km_contradict(
			&c->contradictions,
			"its thread is on a CPU, but its stack is that of a switched-out task");
	if (stack->start == KM_STACK_REGISTERS && !on_cpu.v)
		km_contradict(
			&c->contradictions,
			"its thread is not on a CPU, but its stack is that of a running task");
}

static const struct km_stack *stack_of_task(const struct km_case *c, uint64_t addr)
{
	const struct km_task *task = km_task_at(km_case_tasks(c), addr);

	return task ? km_task_stack(km_case_tasks(c), task) : NULL;
}

/* KVM_RUN holds kvm_vcpu.mutex. */
static void check_mutex(struct km_case *c)
{
	struct km_val owner = km_kconfirm(c->kernel, c->vcpu->addr, KM_M_kvm_vcpu_mutex_owner);
	uint64_t thread = c->vcpu->task.v;
	const struct km_stack *stack = stack_of(c);

	if (!km_is_known(owner))
		return;
	owner = km_lock_owner(owner);
	if (owner.v == thread)
		return;
	/* that of the owner is not the thread's */
	if (!stack || stack->task != thread)
		stack = stack_of_task(c, thread);
	if (stack && is_in(stack, "kvm_arch_vcpu_ioctl_run"))
		km_contradict(
			&c->contradictions,
			"its thread is in KVM_RUN, but the owner of kvm_vcpu.mutex is 0x%" PRIx64,
			owner.v);
	if (owner.v && !km_task_at(km_case_tasks(c), owner.v) &&
	    km_threads_known(km_case_tasks(c), c->vm->mm))
		km_contradict(&c->contradictions,
			      "the owner of kvm_vcpu.mutex, 0x%" PRIx64
			      ", is not a thread of a process with VMs",
			      owner.v);
}

static bool has_root(const struct km_mmu *mmu)
{
	return !km_is_known(mmu->root.hpa) || km_valid_page(mmu->root.hpa.v);
}

/*
 * KVM loads a root before it enters the guest, and keeps it while it handles a fault. If another
 * context has the root, that is the finding mmu-context-mismatch.
 */
static void check_root(struct km_case *c)
{
	const struct km_mmu *mmu = c->all.active;
	bool any = false;

	for (size_t i = 0; i < c->all.mmu_count; i++)
		any |= has_root(&c->all.mmus[i]);
	if (c->last.handling && mmu && !any)
		km_contradict(&c->contradictions, "its thread handles a fault, but %s has no root",
			      mmu->name);
}

/* Every page-table page but special ones (for 32-bit guests) has a kvm_mmu_page. */
static bool may_be_special(const struct km_mmu *mmu, int level)
{
	return mmu->root_role.level < level || (km_is_known(mmu->pml4_root) && mmu->pml4_root.v) ||
	       (km_is_known(mmu->pml5_root) && mmu->pml5_root.v) ||
	       (km_is_known(mmu->pae_root) && mmu->pae_root.v);
}

static void check_page(struct km_case *c, const struct km_mmu_page *sp, int level)
{
	struct km_val enabled = km_vm_has_tdp_mmu(c->kernel, c->vm);
	bool tdp_mmu = km_is_known(enabled) && enabled.v && c->mmu->root_role.direct;

	if (!sp->known)
		return;
	if (!km_is_kernel_address(sp->addr) && (sp->addr || !may_be_special(c->mmu, level)))
		km_contradict(&c->contradictions,
			      "the page-table page at level %d has no kvm_mmu_page: 0x%" PRIx64,
			      level, sp->addr);
	else if (sp->addr && (sp->tdp_mmu_page.corrupted ||
			      (km_is_known(sp->tdp_mmu_page) && tdp_mmu && !sp->tdp_mmu_page.v)))
		km_contradict(&c->contradictions,
			      "the VM uses the TDP MMU, but the kvm_mmu_page of the table at level "
			      "%d does not belong to it",
			      level);
}

/* Those of the walk or, without one, the root's. */
static void check_tables(struct km_case *c)
{
	const struct km_mmu *mmu = c->mmu;
	struct km_mmu_page sp;
	bool before;

	if (!mmu || !mmu->readable || !mmu->used)
		return;
	for (size_t i = 0; c->has_walk && i < c->walk.count; i++) {
		if (!c->walk.levels[i].special)
			check_page(c, &c->walk.levels[i].sp, c->walk.levels[i].level);
	}
	if ((c->has_walk && c->walk.count) || !km_is_known(mmu->root.hpa) ||
	    !km_valid_page(mmu->root.hpa.v) || mmu->root_role.level < 4 ||
	    km_is_dummy_root(c->kernel, mmu->root.hpa.v))
		return;
	before = km_memory_optional(c->kernel->mem, true);
	km_mmu_page_read(c->kernel, mmu->root.hpa.v & c->masks.base_addr_mask, &sp);
	km_memory_optional(c->kernel->mem, before);
	check_page(c, &sp, mmu->root_role.level);
}

/* A place outside KVM_RUN, and functions that only KVM_RUN calls. */
static void check_place(struct km_case *c)
{
	const struct km_stack *stack = stack_of(c);

	if (stack && c->last.maybe_handling && !km_stack_in(stack, "kvm_vcpu_ioctl") &&
	    !km_stack_may_lack_outer(stack))
		km_contradict(&c->contradictions,
			      "its stack is in the page-fault handler, but not in an ioctl of KVM");
}

void km_rule_contradictions(struct km_case *c)
{
	km_contradictions_merge(&c->contradictions, &c->vcpu->contradictions);
	km_contradictions_merge(&c->contradictions, &c->vm->contradictions);
	km_contradictions_merge(&c->contradictions, &c->all.contradictions);
	km_contradictions_merge(&c->contradictions, &c->last.contradictions);
	check_mode(c);
	check_mp_state(c);
	check_task_state(c);
	check_on_cpu(c);
	check_place(c);
	check_root(c);
	if (c->last.disagreement[0])
		km_contradict(&c->contradictions, "%s", c->last.disagreement);
}

void km_case_find_contradictions(struct km_case *c)
{
	km_rule_contradictions(c);
	check_mutex(c);
	check_tables(c);
}

static void set_unknown(struct km_explanation *e, const char *why)
{
	e->state = KM_STATE_UNKNOWN;
	e->certainty = KM_NOTE;
	snprintf(e->verdict, sizeof(e->verdict), "%s", why);
}

static void append(struct km_explanation *e, const char *reason, const char *text)
{
	size_t len = strlen(e->verdict);

	snprintf(e->verdict + len, sizeof(e->verdict) - len, "%s%s", reason, text);
}

/* What its thread does is not known, although it has one. */
static bool thread_is_unknown(const struct km_case *c)
{
	return km_is_known(c->vcpu->task) && c->vcpu->task.v &&
	       (!km_is_known(c->vcpu->task_state) || !km_is_known(c->vcpu->on_cpu));
}

static void lower(enum km_certainty *certainty)
{
	if (*certainty > KM_POSSIBLE)
		*certainty = KM_POSSIBLE;
}

/* Is it in the handler, and nothing is known about the fault? */
static bool handles_unknown_fault(const struct km_case *c)
{
	return c->last.maybe_handling && !(c->fault && km_fault_is_current(c->fault) &&
					   c->has_path && c->fault->age == KM_AGE_IN_HANDLER);
}

/* States that mean that no fault is being handled. */
static bool denies_fault(const struct km_explanation *e)
{
	return e->state == KM_STATE_HEALTHY || e->state == KM_STATE_NEVER_RAN;
}

void km_weigh_contradictions(const struct km_case *c, struct km_explanation *e)
{
	const struct km_contradictions *list = &c->contradictions;

	if (c->vcpu->foreign) {
		e->count = 0;
		set_unknown(e, "the VM's pointer to this vCPU leads to something else");
	} else if (denies_fault(e) && handles_unknown_fault(c)) {
		set_unknown(e, "its thread is in KVM's page-fault handler, but it is not certain "
			       "which fault it handles");
	} else if (e->state == KM_STATE_PROGRESSING && handles_unknown_fault(c)) {
		lower(&e->certainty);
	} else if (list->count && e->state == KM_STATE_NEVER_RAN) {
		set_unknown(e, "it is not certain whether a thread ever ran it");
	}
	if (thread_is_unknown(c) && e->certainty > KM_POSSIBLE) {
		append(e, "; the state of its thread is not readable", "");
		lower(&e->certainty);
	}
	if (!list->count)
		return;
	append(e, "; contradiction: ", list->text[0]);
	lower(&e->certainty);
	for (size_t i = 0; i < e->count; i++)
		lower(&e->found[i].certainty);
}
