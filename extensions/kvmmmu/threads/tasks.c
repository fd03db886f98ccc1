// SPDX-License-Identifier: GPL-2.0-or-later
#include "threads/tasks.h"

#include <stdlib.h>
#include <string.h>

/* Return the slot that contains the task at @addr, or the free one where it belongs. */
static uint32_t *slot_of(const struct km_tasks *tasks, uint64_t addr)
{
	size_t mask = tasks->index_size - 1, i = (addr >> 6) * 0x9e3779b97f4a7c15ULL >> 32 & mask;

	while (tasks->index[i] && tasks->tasks[tasks->index[i] - 1].addr != addr)
		i = (i + 1) & mask;
	return &tasks->index[i];
}

static bool grow_index(struct km_tasks *tasks)
{
	size_t size = tasks->index_size ? 2 * tasks->index_size : 64;
	uint32_t *index = calloc(size, sizeof(*index));

	if (!index)
		return false;
	free(tasks->index);
	tasks->index = index;
	tasks->index_size = size;
	for (size_t i = 0; i < tasks->count; i++)
		*slot_of(tasks, tasks->tasks[i].addr) = (uint32_t)i + 1;
	return true;
}

bool km_tasks_index_last(struct km_tasks *tasks)
{
	if (2 * tasks->count >= tasks->index_size)
		return grow_index(tasks);
	*slot_of(tasks, tasks->tasks[tasks->count - 1].addr) = (uint32_t)tasks->count;
	return true;
}

const struct km_task *km_task_at(const struct km_tasks *tasks, uint64_t addr)
{
	uint32_t at;

	if (!tasks || !addr)
		return NULL;
	if (tasks->index) {
		at = *slot_of(tasks, addr);
		return at ? &tasks->tasks[at - 1] : NULL;
	}
	for (size_t i = 0; i < tasks->count; i++) {
		if (tasks->tasks[i].addr == addr)
			return &tasks->tasks[i];
	}
	return NULL;
}

void km_tasks_deinit(struct km_tasks *tasks)
{
	free(tasks->tasks);
	free(tasks->index);
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
