/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a capsule keeps of stacks and tasks: the functions of the unwound frames, and where a struct
 * kvm_page_fault was found; never a stack's bytes.
 */
#ifndef KVMMMU_SAVED_STACKS_H
#define KVMMMU_SAVED_STACKS_H

#include "page_fault_on_stack.h"
#include "tasks.h"

struct km_saved_stack {
	struct km_stack stack;
	struct km_page_faults faults;
};

struct km_saved_stacks {
	struct km_saved_stack *stacks; /* in the order in which they were asked for */
	size_t count, room;
	struct km_tasks tasks; /* without their stacks, which are above */
};

/* As km_stack_read(), km_page_faults_find() and km_tasks_read() found them; drops what it has. */
km_error *km_saved_stacks_add(struct km_saved_stacks *saved, const struct km_stack *stack);
void km_saved_stacks_add_faults(struct km_saved_stacks *saved, uint64_t task,
				const struct km_page_faults *faults);

/* Takes over @tasks, and adds the stacks of those. */
km_error *km_saved_stacks_take_tasks(struct km_saved_stacks *saved, struct km_tasks *tasks);

/* Those of @task, or NULL. */
const struct km_saved_stack *km_saved_stack_of(const struct km_saved_stacks *saved, uint64_t task);

/* All tasks with their stacks. Errors: out of memory. The caller calls km_tasks_deinit(). */
km_error *km_saved_tasks(const struct km_saved_stacks *saved, struct km_tasks *tasks);

/* As JSON for free(): one form for one content; NULL is none. NULL when memory is out. */
char *km_saved_stacks_print(const struct km_saved_stacks *saved);

/* KM_EDATA if it is none. The caller calls km_saved_stacks_free(), which takes NULL, too. */
km_error *km_saved_stacks_parse(const char *text, size_t len, struct km_saved_stacks **saved);
void km_saved_stacks_free(struct km_saved_stacks *saved);

#endif
