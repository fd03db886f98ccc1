/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tasks of the host that tell why a vCPU waits: whose stacks are inside an mmu_notifier
 * invalidation, who holds or waits for mmu_lock and slots_lock, who waits for srcu or userfaultfd.
 */
#ifndef KVMMMU_TASKS_H
#define KVMMMU_TASKS_H

#include "stack.h"
#include "vm.h"

struct km_task {
	uint64_t addr; /* of task_struct */
	struct km_val tid, tgid, state, on_cpu, mm;
	char comm[17];
	struct km_stack stack;
};

/*
 * The threads of the processes that own VMs, and other tasks whose stack goes through KVM or the
 * mmu_notifiers of such a process. A value; bounded.
 */
struct km_tasks {
	struct km_task *tasks;
	size_t count;
	bool complete;	   /* the whole list of tasks was walked */
	char trouble[160]; /* what was not readable, or "" */
};

/* Errors: Ctrl-C, out of memory. The caller calls km_tasks_deinit() in any case. */
km_error *km_tasks_read(const struct km_kernel *kernel, const struct km_vms *vms,
			struct km_tasks *tasks);
void km_tasks_deinit(struct km_tasks *tasks);

/* The task at that address (task_struct), if it is among them; NULL if not, or if @tasks is NULL.
 */
const struct km_task *km_task_at(const struct km_tasks *tasks, uint64_t addr);

/* The first task of @mm's (0: any) that is inside @function, or NULL. */
const struct km_task *km_task_in(const struct km_tasks *tasks, uint64_t mm, const char *function);

/* Likewise inside any of @functions, the first of them first; NULL ends them. @tasks may be NULL.
 */
const struct km_task *km_task_in_any(const struct km_tasks *tasks, uint64_t mm,
				     const char *const *functions, const char **function);

#endif
