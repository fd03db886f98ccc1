// SPDX-License-Identifier: GPL-2.0-or-later
#include "threads/tasks.h"

#include "kernel/task_state.h"

#include <stdlib.h>
#include <string.h>

bool km_task_is_idle(const struct km_task *task)
{
	uint64_t state = task->state.v;

	return km_is_known(task->state) && state && !task->on_cpu.v &&
	       !(state & TASK_RTLOCK_WAIT) &&
	       (state & (TASK_UNINTERRUPTIBLE | TASK_NOLOAD)) != TASK_UNINTERRUPTIBLE;
}

/* Add the functions of a stack to those of all. */
static bool index_functions(struct km_tasks *tasks, const struct km_stack *stack)
{
	for (size_t i = 0; i < stack->count; i++) {
		const char *function = stack->frames[i].function;

		if (!km_names_add(&tasks->functions, function, strcspn(function, ".")))
			return false;
	}
	return true;
}

bool km_tasks_index_last(struct km_tasks *tasks)
{
	if (!index_functions(tasks, &tasks->tasks[tasks->count - 1].stack))
		return false;
	return km_address_index_add(&tasks->index, tasks->tasks[tasks->count - 1].addr,
				    tasks->count - 1);
}

const struct km_task *km_task_at(const struct km_tasks *tasks, uint64_t addr)
{
	size_t at;

	if (!tasks || !addr)
		return NULL;
	if (tasks->index.size)
		return km_address_index_find(&tasks->index, addr, &at) ? &tasks->tasks[at] : NULL;
	for (size_t i = 0; i < tasks->count; i++) {
		if (tasks->tasks[i].addr == addr)
			return &tasks->tasks[i];
	}
	return NULL;
}

void km_tasks_deinit(struct km_tasks *tasks)
{
	for (size_t i = 0; i < tasks->count; i++)
		km_stack_deinit(&tasks->tasks[i].stack);
	free(tasks->tasks);
	km_address_index_deinit(&tasks->index);
	km_names_deinit(&tasks->functions);
	km_error_free(tasks->err);
	memset(tasks, 0, sizeof(*tasks));
}

const struct km_task *km_task_in(const struct km_tasks *tasks, uint64_t mm, const char *function)
{
	if (tasks->index.size && !km_names_have(&tasks->functions, function))
		return NULL;
	for (size_t i = 0; i < tasks->count; i++) {
		const struct km_task *task = &tasks->tasks[i];

		if ((!mm || task->mm.v == mm) && !km_task_is_idle(task) &&
		    km_stack_in(&task->stack, function))
			return task;
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
