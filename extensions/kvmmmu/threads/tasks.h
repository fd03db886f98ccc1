/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tasks of the host that may explain why a vCPU waits: those inside an mmu_notifier invalidation,
 * those that hold or wait for mmu_lock or slots_lock, those that wait for SRCU or userfaultfd.
 */
#ifndef KVMMMU_TASKS_H
#define KVMMMU_TASKS_H

#include "base/address_index.h"
#include "base/names.h"
#include "kernel/layout.h"
#include "threads/stack.h"

struct km_kernel;
struct km_vms;

struct km_task {
	uint64_t addr; /* of task_struct */
	struct km_val tid, tgid, state, on_cpu, mm;
	char comm[17];
	bool stack_unread;     /* km_task_stack() reads it */
	struct km_stack stack; /* of an idle task: use km_task_stack() */
};

/*
 * The threads of processes that own VMs, and other tasks whose stack goes through KVM or an
 * mmu_notifier. If there are very many, only vCPU threads and tasks inside KVM or an mmu_notifier,
 * or whose stack is not fully known, are added; the others are counted in left_out.
 */
struct km_tasks {
	struct km_task *tasks;
	size_t count;
	struct km_address_index index; /* of @tasks; empty: there is none */
	/* on all stacks, without suffixes: dozens are asked for each vCPU and VM */
	struct km_names functions;
	uint64_t left_out;
	bool complete;	   /* the whole list of tasks was walked */
	char trouble[160]; /* what was not readable, or "" */
	/* where what is not read yet is read from, see tasks_read.h; NULL: everything was read */
	const struct km_kernel *kernel;
	const struct km_vms *vms;
	bool unread;   /* nothing was asked for yet */
	km_error *err; /* what stopped km_tasks_get() */
};

void km_tasks_deinit(struct km_tasks *tasks);

/*
 * Is it asleep as no task is that is inside an mmu_notifier, or changes memslots or page tables?
 * All waits there are uninterruptible, those for mmu_lock under PREEMPT_RT included, and idle
 * kernel threads sleep with TASK_NOLOAD. Whether such a task is there does not depend on its stack.
 */
bool km_task_is_idle(const struct km_task *task);

/*
 * Add the last of @tasks to the indexes of addresses and functions. Return false if memory is
 * exhausted.
 */
bool km_tasks_index_last(struct km_tasks *tasks);

/* Return the task whose task_struct is at @addr; NULL if there is none. @tasks may be NULL. */
const struct km_task *km_task_at(const struct km_tasks *tasks, uint64_t addr);

/*
 * Return the first task of @mm (0: of any) that is not idle and is inside @function, or NULL.
 */
const struct km_task *km_task_in(const struct km_tasks *tasks, uint64_t mm, const char *function);

/*
 * Likewise for the NULL-terminated @functions, in their order; *@function is the one found. @tasks
 * may be NULL.
 */
const struct km_task *km_task_in_any(const struct km_tasks *tasks, uint64_t mm,
				     const char *const *functions, const char **function);

#endif
