/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds the tasks of the host that are relevant to its VMs. */
#ifndef KVMMMU_TASKS_READ_H
#define KVMMMU_TASKS_READ_H

#include "kvm/vm.h"
#include "threads/tasks.h"

/*
 * A host has thousands of tasks, and few questions are about them: the list is read when something
 * asks for it, and the stack of a task that is idle when something asks for that stack.
 */

/* Make @tasks ready for km_tasks_get(). The caller calls km_tasks_deinit(). */
void km_tasks_prepare(const struct km_kernel *kernel, const struct km_vms *vms,
		      struct km_tasks *tasks);

/*
 * Return @tasks, read now unless they were before; NULL if @tasks is NULL. After an error, which
 * km_tasks_error() returns, the list is not complete.
 */
const struct km_tasks *km_tasks_get(struct km_tasks *tasks);

/* Return what stopped km_tasks_get(), once: KM_EINTR, KM_ENOMEM, KM_ELIMIT. NULL: nothing. */
km_error *km_tasks_error(struct km_tasks *tasks);

/* Return the stack of @task, one of @tasks. What is missing is reported in it. */
const struct km_stack *km_task_stack(const struct km_tasks *tasks, const struct km_task *task);

/*
 * As km_task_in_any(), but of all tasks of @mm, the idle ones included, whose stacks are read: a
 * thread that handles a fault may wait for userspace, where a signal wakes it.
 */
const struct km_task *km_task_even_idle_in_any(const struct km_tasks *tasks, uint64_t mm,
					       const char *const *functions, const char **function);

/*
 * Prepare the tasks and read them. KM_EINTR, KM_ENOMEM. The caller calls km_tasks_deinit() in any
 * case.
 */
km_error *km_tasks_read(const struct km_kernel *kernel, const struct km_vms *vms,
			struct km_tasks *tasks);

#endif
