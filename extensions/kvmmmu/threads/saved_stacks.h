/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a capsule contains of stacks and tasks: the functions of unwound frames, and the addresses
 * of each struct kvm_page_fault that was found; never the bytes of a stack.
 */
#ifndef KVMMMU_SAVED_STACKS_H
#define KVMMMU_SAVED_STACKS_H

#include "threads/tasks.h"

#include <stdio.h>

struct km_saved_stack {
	struct km_stack stack;
	struct km_page_faults faults;
};

/* struct km_task without its stack. */
struct km_saved_task {
	uint64_t addr;
	struct km_val tid, tgid, state, on_cpu, mm;
	char comm[17];
};

struct km_saved_tasks {
	struct km_saved_task *tasks;
	size_t count, room;
	bool complete;
	char trouble[160];
};

struct km_saved_stacks {
	struct km_saved_stack *stacks; /* in the order in which they were requested */
	size_t count, room;
	struct km_address_index index; /* of their tasks, as they were added */
	struct km_names names;	       /* of functions on the stacks */
	struct km_saved_tasks tasks;
};

/* Add what km_stack_read() and km_page_faults_find() found, unless it is already there. */
km_error *km_saved_stacks_add(struct km_saved_stacks *saved, const struct km_stack *stack);
void km_saved_stacks_add_faults(struct km_saved_stacks *saved, uint64_t task,
				const struct km_page_faults *faults);

/* Add a task and its stack. KM_ENOMEM. */
km_error *km_saved_stacks_add_task(struct km_saved_stacks *saved, const struct km_task *task);

/* Return the stack of @task, or NULL. @saved may be NULL. */
const struct km_saved_stack *km_saved_stack_of(const struct km_saved_stacks *saved, uint64_t task);

/* Copy all tasks, with their stacks. KM_ENOMEM. The caller calls km_tasks_deinit(). */
km_error *km_saved_tasks(const struct km_saved_stacks *saved, struct km_tasks *tasks);

/*
 * Write @saved (NULL: empty) to @out as JSON; the same content gives the same text. Return false if
 * memory is exhausted.
 */
bool km_saved_stacks_write(const struct km_saved_stacks *saved, FILE *out);

/* Return that text, to be freed with free(). NULL if memory is exhausted. */
char *km_saved_stacks_print(const struct km_saved_stacks *saved);

/*
 * Parse that text into at most @max bytes of memory; *@used is set to their number. KM_EDATA:
 * malformed, or with unknown keys; KM_ELIMIT. In any case the caller calls km_saved_stacks_free(),
 * which accepts NULL.
 */
km_error *km_saved_stacks_parse(const char *text, size_t len, uint64_t max,
				struct km_saved_stacks **saved, uint64_t *used);
void km_saved_stacks_free(struct km_saved_stacks *saved);

#endif
