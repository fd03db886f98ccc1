// SPDX-License-Identifier: GPL-2.0-or-later
#include "invalidation.h"
#include "tasks.h"

#include "saved_stacks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than any host has (PID_MAX_LIMIT); what lies beyond is a torn list. */
#define MAX_TASKS (4u << 20)
/* Kept at most: a host whose every task is inside KVM or waits is served well enough by these. */
#define MAX_KEPT 8192

#define TASK_UNINTERRUPTIBLE 0x2
#define TASK_NOLOAD	     0x400

struct job {
	const struct km_kernel *k;
	const struct km_vms *vms;
	struct km_tasks *tasks;
	size_t room;
};

/* A list that is followed: how far, and a place behind, so that a loop is noticed (Brent). */
struct trail {
	uint64_t mark, steps;
};

/* Has the list come back to where it was, or gone on for longer than any? */
static bool is_loop(struct trail *trail, uint64_t at)
{
	if (at == trail->mark || trail->steps == MAX_TASKS)
		return true;
	if (!(trail->steps & (trail->steps - 1)))
		trail->mark = at;
	trail->steps++;
	return false;
}

/* The last one is the one told: what is wrong with a list explains what was met on it. */
static void trouble(struct km_tasks *tasks, const char *text)
{
	tasks->complete = false;
	snprintf(tasks->trouble, sizeof(tasks->trouble), "%s", text);
}

/* Does the process with @mm own a VM? */
static bool owns_vm(const struct job *job, uint64_t mm)
{
	for (size_t i = 0; mm && i < job->vms->count; i++) {
		if (job->vms->vms[i].mm.v == mm)
			return true;
	}
	return false;
}

/*
 * Others matter if they may be inside KVM or an mmu_notifier: on a CPU, waiting for one, or in an
 * uninterruptible sleep, which all waits there are. Idle kernel threads sleep with TASK_NOLOAD.
 */
static bool may_matter(struct km_val state, struct km_val on_cpu)
{
	return !km_is_known(state) || !state.v || on_cpu.v ||
	       (state.v & (TASK_UNINTERRUPTIBLE | TASK_NOLOAD)) == TASK_UNINTERRUPTIBLE;
}

/* Is it inside KVM, an mmu_notifier, or a wait for what they wait for? */
static bool matters(const struct km_stack *stack)
{
	static const char *const prefixes[] = {"kvm_",	       "__kvm_",   "mn_itree_",
					       "mn_hlist_",    "tdp_mmu_", "__mmu_notifier_",
					       "mmu_notifier_"};

	for (size_t i = 0; i < stack->count; i++) {
		for (size_t p = 0; p < sizeof(prefixes) / sizeof(prefixes[0]); p++) {
			if (!strncmp(stack->frames[i].function, prefixes[p], strlen(prefixes[p])))
				return true;
		}
	}
	return km_stack_invalidates(stack);
}

/* Is the task among those found? */
const struct km_task *km_task_at(const struct km_tasks *tasks, uint64_t addr)
{
	for (size_t i = 0; tasks && addr && i < tasks->count; i++) {
		if (tasks->tasks[i].addr == addr)
			return &tasks->tasks[i];
	}
	return NULL;
}

static km_error *add_task(struct job *job, uint64_t addr, bool owner)
{
	const struct km_kernel *k = job->k;
	struct km_tasks *tasks = job->tasks;
	struct km_task *task;
	km_error *err;

	if (km_task_at(tasks, addr))
		return NULL;
	if (tasks->count == MAX_KEPT) {
		trouble(tasks, "more tasks matter than are kept");
		return NULL;
	}
	if (tasks->count == job->room) {
		struct km_task *grown =
			reallocarray(tasks->tasks, 2 * job->room + 16, sizeof(*grown));

		if (!grown)
			return km_errorf(KM_ENOMEM, "out of memory");
		tasks->tasks = grown;
		job->room = 2 * job->room + 16;
	}
	task = &tasks->tasks[tasks->count];
	memset(task, 0, sizeof(*task));
	task->addr = addr;
	task->state = km_kget(k, addr, KM_M_task_struct_state);
	task->on_cpu = km_kget(k, addr, KM_M_task_struct_on_cpu);
	if (!owner && !may_matter(task->state, task->on_cpu))
		return NULL;
	err = km_stack_read(k, addr, &task->stack);
	if (err || (!owner && !matters(&task->stack)))
		return err;
	task->tid = km_kget(k, addr, KM_M_task_struct_pid);
	task->tgid = km_kget(k, addr, KM_M_task_struct_tgid);
	task->mm = km_kget(k, addr, KM_M_task_struct_mm);
	km_error_free(km_get_string(k->mem, k->layout, addr, KM_M_task_struct_comm, task->comm,
				    sizeof(task->comm)));
	tasks->count++;
	return NULL;
}

/* All threads of the process that @leader leads, itself among them. */
static km_error *add_process(struct job *job, uint64_t leader)
{
	const struct km_kernel *k = job->k;
	const struct km_member *node = km_layout_member(k->layout, KM_M_task_struct_thread_node);
	struct km_val mm = km_kget(k, leader, KM_M_task_struct_mm);
	struct km_val signal = km_kget(k, leader, KM_M_task_struct_signal);
	struct km_val head = km_addr_of(k->layout, signal.v, KM_M_signal_struct_thread_head);
	struct trail trail = {0};
	struct km_val next;
	bool owner = owns_vm(job, mm.v);

	/* a kernel thread has no others; without the list there is the leader at least */
	if (mm.known == KM_UNREADABLE) {
		trouble(job->tasks, "a task is not readable");
		return NULL;
	}
	if (!mm.v || !node || !km_is_known(head) || !signal.v) {
		if (mm.v)
			trouble(job->tasks, "of a process only the first thread was found");
		return add_task(job, leader, owner);
	}
	next = km_kget(k, head.v, KM_M_list_head_next);
	while (km_is_known(next) && next.v != head.v) {
		km_error *err = km_check_interrupt(k->mem);

		if (err)
			return err;
		if (is_loop(&trail, next.v)) {
			trouble(job->tasks, "a list of threads runs in a loop");
			return NULL;
		}
		err = add_task(job, next.v - node->offset, owner);
		if (err)
			return err;
		next = km_kget(k, next.v, KM_M_list_head_next);
	}
	if (!km_is_known(next))
		trouble(job->tasks, "a list of threads is not readable to its end");
	return NULL;
}

/* From one end of the list up to the other, or to where it is torn. */
static km_error *walk(struct job *job, uint64_t init, enum km_member_id link, bool *whole)
{
	const struct km_kernel *k = job->k;
	const struct km_member *tasks = km_layout_member(k->layout, KM_M_task_struct_tasks);
	uint64_t head = init + tasks->offset;
	struct km_val next = km_kget(k, head, link);
	struct trail trail = {0};

	*whole = false;
	while (km_is_known(next) && next.v != head) {
		km_error *err = km_check_interrupt(k->mem);

		if (err)
			return err;
		if (is_loop(&trail, next.v))
			return NULL;
		err = add_process(job, next.v - tasks->offset);
		if (err)
			return err;
		next = km_kget(k, next.v, link);
	}
	*whole = km_is_known(next);
	return NULL;
}

/* The threads that KVM itself knows, whatever the lists say. */
static km_error *add_vcpu_threads(struct job *job)
{
	km_error *err = NULL;

	for (size_t i = 0; i < job->vms->count && !err; i++) {
		const struct km_vm *vm = &job->vms->vms[i];

		for (size_t j = 0; j < vm->vcpu_count && !err; j++) {
			uint64_t task = vm->vcpus[j].task.v;

			if (task)
				err = add_task(job, task, true);
		}
	}
	return err;
}

static km_error *read_tasks(struct job *job)
{
	const struct km_kernel *k = job->k;
	bool whole = false;
	uint64_t init;
	km_error *err;

	job->tasks->complete = true;
	if (!km_has(k->layout, KM_M_task_struct_tasks) ||
	    !km_kernel_symbol(k, "init_task", &init)) {
		trouble(job->tasks, "the list of tasks was not found");
	} else {
		err = walk(job, init, KM_M_list_head_next, &whole);
		if (!err && !whole) {
			trouble(job->tasks, "the list of tasks is torn: there may be more");
			err = walk(job, init, KM_M_list_head_prev, &whole);
		}
		if (err)
			return err;
	}
	return add_vcpu_threads(job);
}

km_error *km_tasks_read(const struct km_kernel *k, const struct km_vms *vms, struct km_tasks *tasks)
{
	const struct km_target_kernel *brings = km_memory_target(k->mem)->brings;
	struct job job = {.k = k, .vms = vms, .tasks = tasks};
	km_error *err;
	bool trying;

	memset(tasks, 0, sizeof(*tasks));
	if (brings && brings->saved)
		return km_saved_tasks(brings->saved, tasks);
	if (brings) {
		trouble(tasks, "the capsule holds no tasks");
		return NULL;
	}
	/* of thousands of tasks a capsule keeps what was found, not what was read */
	trying = km_memory_try(k->mem, true);
	err = read_tasks(&job);
	km_memory_try(k->mem, trying);
	return err;
}

void km_tasks_deinit(struct km_tasks *tasks)
{
	free(tasks->tasks);
	memset(tasks, 0, sizeof(*tasks));
}

const struct km_task *km_task_in(const struct km_tasks *tasks, uint64_t mm, const char *function)
{
	for (size_t i = 0; i < tasks->count; i++) {
		if ((!mm || tasks->tasks[i].mm.v == mm) &&
		    km_stack_in(&tasks->tasks[i].stack, function))
			return &tasks->tasks[i];
	}
	return NULL;
}

const struct km_task *km_task_in_any(const struct km_tasks *tasks, uint64_t mm,
				     const char *const *functions, const char **function)
{
	for (; tasks && *functions; functions++) {
		const struct km_task *task = km_task_in(tasks, mm, *functions);

		if (task) {
			*function = *functions;
			return task;
		}
	}
	return NULL;
}
