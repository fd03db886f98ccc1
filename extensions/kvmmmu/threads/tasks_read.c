// SPDX-License-Identifier: GPL-2.0-or-later
#include "threads/tasks_read.h"

#include "base/loop.h"
#include "threads/invalidation.h"
#include "threads/saved_stacks.h"
#include "threads/stack_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Threads of owners that are kept regardless of what they do; each has 0.7 KB. A test sets another
 * limit.
 */
#ifndef MAX_IDLE
#define MAX_IDLE 32768
#endif

struct task_reader {
	const struct km_kernel *k;
	const struct km_vms *vms;
	struct km_tasks *tasks;
	size_t room;
};

/* Why a task is examined. */
enum role {
	OTHER,	     /* kept if it is inside KVM or an mmu_notifier */
	OWNER,	     /* a thread of a process that owns a VM */
	VCPU_THREAD, /* always kept */
};

/* The last one is reported: a corrupted list explains what was found on it before. */
static void note_trouble(struct km_tasks *tasks, const char *text)
{
	tasks->complete = false;
	snprintf(tasks->trouble, sizeof(tasks->trouble), "%s", text);
}

/* Does the process with @mm own a VM? */
static bool owns_vm(const struct task_reader *reader, uint64_t mm)
{
	for (size_t i = 0; mm && i < reader->vms->count; i++) {
		if (reader->vms->vms[i].mm.v == mm)
			return true;
	}
	return false;
}

/* Is the task inside KVM or an mmu_notifier? */
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

static km_error *make_room(struct task_reader *reader)
{
	struct km_task *grown;
	size_t room = 2 * reader->room + 16;
	km_error *err;

	if (reader->tasks->count < reader->room)
		return NULL;
	err = km_memory_charge(reader->k->mem, room - reader->room, sizeof(*grown));
	if (err)
		return err;
	grown = reallocarray(reader->tasks->tasks, room, sizeof(*grown));
	if (!grown)
		return km_errorf(KM_ENOMEM, "out of memory");
	reader->tasks->tasks = grown;
	reader->room = room;
	return NULL;
}

/* Can the task be left out, because its whole stack is known and is not inside KVM? */
static bool is_outside(const struct km_stack *stack)
{
	return stack->count && !stack->trouble[0] && stack->start != KM_STACK_UNKNOWN &&
	       !matters(stack);
}

/* Is the thread @addr that of a vCPU? Only called where tasks are being left out. */
static bool is_vcpu_thread(const struct task_reader *reader, uint64_t addr)
{
	for (size_t i = 0; i < reader->vms->count; i++) {
		const struct km_vm *vm = &reader->vms->vms[i];

		for (size_t j = 0; j < vm->vcpu_count; j++) {
			if (vm->vcpus[j].task.v == addr)
				return true;
		}
	}
	return false;
}

static bool is_left_out(struct task_reader *reader, const struct km_task *task, enum role role)
{
	if (role == OTHER)
		return !matters(&task->stack);
	if (role == VCPU_THREAD || reader->tasks->count < MAX_IDLE || !is_outside(&task->stack) ||
	    is_vcpu_thread(reader, task->addr))
		return false;
	reader->tasks->left_out++;
	return true;
}

/* Read the stack of @task, unless it is idle: its stack is read when something asks for it. */
static km_error *read_stack(struct task_reader *reader, struct km_task *task)
{
	const struct km_kernel *k = reader->k;
	km_error *err;

	/* which ones are left out depends on their stacks */
	task->stack_unread = km_task_is_idle(task) && reader->tasks->count < MAX_IDLE;
	if (task->stack_unread)
		return NULL;
	err = km_stack_read(k, task->addr, &task->stack);
	return err ? err : km_memory_charge(k->mem, task->stack.count, sizeof(struct km_frame));
}

static km_error *add_task(struct task_reader *reader, uint64_t addr, enum role role)
{
	const struct km_kernel *k = reader->k;
	struct km_tasks *tasks = reader->tasks;
	struct km_task *task;
	km_error *err;

	if (km_task_at(tasks, addr))
		return NULL;
	err = make_room(reader);
	if (err)
		return err;
	task = &tasks->tasks[tasks->count];
	memset(task, 0, sizeof(*task));
	task->addr = addr;
	task->state = km_kget(k, addr, KM_M_task_struct_state);
	task->on_cpu = km_kget(k, addr, KM_M_task_struct_on_cpu);
	if (role == OTHER && km_task_is_idle(task))
		return NULL;
	err = read_stack(reader, task);
	if (err || is_left_out(reader, task, role)) {
		km_stack_deinit(&task->stack);
		return err;
	}
	task->tid = km_kget(k, addr, KM_M_task_struct_pid);
	task->tgid = km_kget(k, addr, KM_M_task_struct_tgid);
	task->mm = km_kget(k, addr, KM_M_task_struct_mm);
	km_error_free(km_get_string(k->mem, k->layout, addr, KM_M_task_struct_comm, task->comm,
				    sizeof(task->comm)));
	tasks->count++;
	return km_tasks_index_last(tasks) ? NULL : km_errorf(KM_ENOMEM, "out of memory");
}

/* Add all threads of the process with group leader @leader. */
static km_error *add_process(struct task_reader *reader, uint64_t leader)
{
	const struct km_kernel *k = reader->k;
	const struct km_member *node = km_layout_member(k->layout, KM_M_task_struct_thread_node);
	struct km_val mm = km_kget(k, leader, KM_M_task_struct_mm);
	struct km_val signal = km_kget(k, leader, KM_M_task_struct_signal);
	struct km_val head = km_addr_of(k->layout, signal.v, KM_M_signal_struct_thread_head);
	struct km_loop loop = {0};
	struct km_val next;
	enum role role = owns_vm(reader, mm.v) ? OWNER : OTHER;

	/* a kernel thread is alone; without the list, add at least the leader */
	if (mm.known == KM_UNREADABLE) {
		note_trouble(reader->tasks, "a task is not readable");
		return NULL;
	}
	if (!mm.v || !node || !km_is_known(head) || !signal.v) {
		if (mm.v)
			note_trouble(reader->tasks, "only the first thread of a process was found");
		return add_task(reader, leader, role);
	}
	next = km_kget(k, head.v, KM_M_list_head_next);
	while (km_is_known(next) && next.v != head.v) {
		km_error *err = km_check_interrupt(k->mem);

		if (err)
			return err;
		if (km_loop_step(&loop, next.v)) {
			note_trouble(reader->tasks, "a list of threads contains a loop");
			return NULL;
		}
		err = add_task(reader, next.v - node->offset, role);
		if (err)
			return err;
		next = km_kget(k, next.v, KM_M_list_head_next);
	}
	if (!km_is_known(next))
		note_trouble(reader->tasks, "a list of threads is not readable to its end");
	return NULL;
}

/* Follow the list of tasks by @link; *@whole is set if its end was reached. */
static km_error *walk(struct task_reader *reader, uint64_t init, enum km_member_id link,
		      bool *whole)
{
	const struct km_kernel *k = reader->k;
	const struct km_member *tasks = km_layout_member(k->layout, KM_M_task_struct_tasks);
	uint64_t head = init + tasks->offset;
	struct km_val next = km_kget(k, head, link);
	struct km_loop loop = {0};

	*whole = false;
	while (km_is_known(next) && next.v != head) {
		km_error *err = km_check_interrupt(k->mem);

		if (err)
			return err;
		if (km_loop_step(&loop, next.v))
			return NULL;
		err = add_process(reader, next.v - tasks->offset);
		if (err)
			return err;
		next = km_kget(k, next.v, link);
	}
	*whole = km_is_known(next);
	return NULL;
}

/* A VM whose process is not known may own any thread: none of its threads is kept as an owner's. */
static void check_owners(struct task_reader *reader)
{
	for (size_t i = 0; i < reader->vms->count; i++) {
		if (!km_is_known(reader->vms->vms[i].mm))
			note_trouble(reader->tasks, "which process owns a VM is not known");
	}
}

/* Add the threads that KVM refers to, whether or not they are on the list of tasks. */
static km_error *add_vcpu_threads(struct task_reader *reader)
{
	km_error *err = NULL;

	for (size_t i = 0; i < reader->vms->count && !err; i++) {
		const struct km_vm *vm = &reader->vms->vms[i];

		for (size_t j = 0; j < vm->vcpu_count && !err; j++) {
			uint64_t task = vm->vcpus[j].task.v;

			if (task)
				err = add_task(reader, task, VCPU_THREAD);
		}
	}
	return err;
}

static km_error *read_tasks(struct task_reader *reader)
{
	const struct km_kernel *k = reader->k;
	bool whole = false;
	uint64_t init;
	km_error *err;

	reader->tasks->complete = true;
	check_owners(reader);
	if (!km_has(k->layout, KM_M_task_struct_tasks) ||
	    !km_kernel_symbol(k, "init_task", &init)) {
		note_trouble(reader->tasks, "the list of tasks was not found");
	} else {
		err = walk(reader, init, KM_M_list_head_next, &whole);
		if (!err && !whole) {
			note_trouble(reader->tasks,
				     "the list of tasks is interrupted: there may be more tasks");
			err = walk(reader, init, KM_M_list_head_prev, &whole);
		}
		if (err)
			return err;
	}
	return add_vcpu_threads(reader);
}

static km_error *read_or_copy(struct km_tasks *tasks)
{
	const struct km_kernel *k = tasks->kernel;
	const struct km_target *target = km_memory_target(k->mem);
	struct task_reader reader = {.k = k, .vms = tasks->vms, .tasks = tasks};
	km_error *err;
	bool trying;

	if (km_target_lacks_stacks(target)) {
		note_trouble(tasks, "the capsule contains no tasks");
		return NULL;
	}
	if (km_target_has_saved_stacks(target)) {
		const struct km_saved_stacks *saved = km_target_saved_stacks(target);

		err = km_memory_charge(k->mem, saved->tasks.count, sizeof(*tasks->tasks));
		return err ? err : km_saved_tasks(saved, tasks);
	}
	/* a capsule contains the tasks that were found, not everything that was read */
	trying = km_memory_try(k->mem, true);
	err = read_tasks(&reader);
	km_memory_try(k->mem, trying);
	return err;
}

void km_tasks_prepare(const struct km_kernel *k, const struct km_vms *vms, struct km_tasks *tasks)
{
	*tasks = (struct km_tasks){.kernel = k, .vms = vms, .unread = true};
}

const struct km_tasks *km_tasks_get(struct km_tasks *tasks)
{
	if (!tasks || !tasks->unread)
		return tasks;
	tasks->unread = false;
	tasks->err = read_or_copy(tasks);
	if (tasks->err)
		note_trouble(tasks, km_error_text(tasks->err));
	return tasks;
}

km_error *km_tasks_error(struct km_tasks *tasks)
{
	km_error *err = tasks->err;

	tasks->err = NULL;
	return err;
}

const struct km_stack *km_task_stack(const struct km_tasks *tasks, const struct km_task *task)
{
	struct km_task *found = &tasks->tasks[task - tasks->tasks];
	km_scoped_error *err = NULL;

	if (!found->stack_unread)
		return &found->stack;
	found->stack_unread = false;
	err = km_stack_read(tasks->kernel, found->addr, &found->stack);
	if (err) /* the next check of what stops an answer returns it, too */
		snprintf(found->stack.trouble, sizeof(found->stack.trouble), "%.150s",
			 km_error_text(err));
	return &found->stack;
}

const struct km_task *km_task_even_idle_in_any(const struct km_tasks *tasks, uint64_t mm,
					       const char *const *functions, const char **function)
{
	for (; tasks && *functions; functions++) {
		for (size_t i = 0; i < tasks->count; i++) {
			const struct km_task *task = &tasks->tasks[i];

			if ((mm && task->mm.v != mm) ||
			    !km_stack_in(km_task_stack(tasks, task), *functions))
				continue;
			*function = *functions;
			return task;
		}
	}
	return NULL;
}

km_error *km_tasks_read(const struct km_kernel *k, const struct km_vms *vms, struct km_tasks *tasks)
{
	km_tasks_prepare(k, vms, tasks);
	km_tasks_get(tasks);
	return km_tasks_error(tasks);
}
