// SPDX-License-Identifier: GPL-2.0-or-later
#include "saved_stacks.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STYLE	   (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
#define MAX_STACKS 16384 /* a bound against what is no capsule */

static struct km_saved_stack *find(const struct km_saved_stacks *saved, uint64_t task)
{
	for (size_t i = 0; i < saved->count; i++) {
		if (saved->stacks[i].stack.task == task)
			return &saved->stacks[i];
	}
	return NULL;
}

km_error *km_saved_stacks_add(struct km_saved_stacks *saved, const struct km_stack *stack)
{
	struct km_saved_stack *grown;

	if (find(saved, stack->task))
		return NULL;
	if (saved->count == saved->room) {
		grown = reallocarray(saved->stacks, 2 * saved->room + 16, sizeof(*grown));
		if (!grown)
			return km_errorf(KM_ENOMEM, "out of memory");
		saved->stacks = grown;
		saved->room = 2 * saved->room + 16;
	}
	grown = &saved->stacks[saved->count++];
	memset(grown, 0, sizeof(*grown));
	grown->stack = *stack;
	return NULL;
}

void km_saved_stacks_add_faults(struct km_saved_stacks *saved, uint64_t task,
				const struct km_page_faults *faults)
{
	struct km_saved_stack *of = find(saved, task);

	if (of)
		of->faults = *faults;
}

km_error *km_saved_stacks_take_tasks(struct km_saved_stacks *saved, struct km_tasks *tasks)
{
	km_error *err = NULL;

	km_tasks_deinit(&saved->tasks);
	saved->tasks = *tasks;
	memset(tasks, 0, sizeof(*tasks));
	for (size_t i = 0; i < saved->tasks.count && !err; i++)
		err = km_saved_stacks_add(saved, &saved->tasks.tasks[i].stack);
	return err;
}

const struct km_saved_stack *km_saved_stack_of(const struct km_saved_stacks *saved, uint64_t task)
{
	return find(saved, task);
}

km_error *km_saved_tasks(const struct km_saved_stacks *saved, struct km_tasks *tasks)
{
	*tasks = saved->tasks;
	tasks->tasks = calloc(saved->tasks.count + 1, sizeof(*tasks->tasks));
	if (!tasks->tasks) {
		memset(tasks, 0, sizeof(*tasks));
		return km_errorf(KM_ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < tasks->count; i++) {
		const struct km_saved_stack *of = find(saved, saved->tasks.tasks[i].addr);

		tasks->tasks[i] = saved->tasks.tasks[i];
		if (of)
			tasks->tasks[i].stack = of->stack;
	}
	return NULL;
}

/* ---- JSON ---- */

static struct json_object *hex(uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, v);
	return json_object_new_string(text);
}

static void put(struct json_object *to, const char *key, struct json_object *value)
{
	json_object_object_add(to, key, value);
}

/* A member that this kernel does not have is left out, one that was not readable is null. */
static void put_val(struct json_object *to, const char *key, struct km_val val)
{
	if (val.known != KM_ABSENT)
		put(to, key, km_is_known(val) ? hex(val.v) : NULL);
}

static struct json_object *print_stack(const struct km_saved_stack *s)
{
	struct json_object *to = json_object_new_object(), *list = json_object_new_array();
	const struct km_stack *stack = &s->stack;

	put(to, "task", hex(stack->task));
	put(to, "base", hex(stack->base));
	put(to, "size", hex(stack->size));
	put(to, "start", hex(stack->start));
	put(to, "sp", hex(stack->sp));
	put(to, "pages_missing", hex(stack->pages_missing));
	put(to, "trouble", json_object_new_string(stack->trouble));
	for (size_t i = 0; i < stack->count; i++) {
		const struct km_frame *f = &stack->frames[i];
		struct json_object *frame = json_object_new_array();

		json_object_array_add(frame, json_object_new_string(f->function));
		json_object_array_add(frame, hex(f->offset));
		json_object_array_add(frame, hex(f->pc));
		json_object_array_add(frame, hex(f->sp));
		json_object_array_add(frame, json_object_new_boolean(f->sure));
		json_object_array_add(list, frame);
	}
	put(to, "frames", list);
	list = json_object_new_array();
	for (size_t i = 0; i < s->faults.count; i++)
		json_object_array_add(list, hex(s->faults.at[i]));
	put(to, "page_faults", list);
	return to;
}

static struct json_object *print_task(const struct km_task *t)
{
	struct json_object *to = json_object_new_object();

	put(to, "task", hex(t->addr));
	put_val(to, "tid", t->tid);
	put_val(to, "tgid", t->tgid);
	put_val(to, "state", t->state);
	put_val(to, "on_cpu", t->on_cpu);
	put_val(to, "mm", t->mm);
	put(to, "comm", json_object_new_string(t->comm));
	return to;
}

char *km_saved_stacks_print(const struct km_saved_stacks *saved)
{
	struct json_object *all = json_object_new_object(), *list = json_object_new_array();
	static const struct km_saved_stacks none;
	char *copy;

	if (!saved)
		saved = &none;
	put(all, "complete", json_object_new_boolean(saved->tasks.complete));
	put(all, "trouble", json_object_new_string(saved->tasks.trouble));
	for (size_t i = 0; i < saved->tasks.count; i++)
		json_object_array_add(list, print_task(&saved->tasks.tasks[i]));
	put(all, "tasks", list);
	list = json_object_new_array();
	for (size_t i = 0; i < saved->count; i++)
		json_object_array_add(list, print_stack(&saved->stacks[i]));
	put(all, "stacks", list);
	copy = strdup(json_object_to_json_string_ext(all, STYLE));
	json_object_put(all);
	return copy;
}

/* Reading takes what it knows; that nothing else is inside is checked by printing it again. */

static uint64_t to_number(struct json_object *value)
{
	const char *text = json_object_get_string(value);

	return text ? strtoull(text, NULL, 16) : 0;
}

static struct json_object *get(struct json_object *from, const char *key)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(from, key, &value);
	return value;
}

static uint64_t get_number(struct json_object *from, const char *key)
{
	return to_number(get(from, key));
}

static struct km_val get_val(struct json_object *from, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(from, key, &value))
		return (struct km_val){.known = KM_ABSENT};
	return value ? km_known_val(to_number(value)) : (struct km_val){.known = KM_UNREADABLE};
}

static void get_text(struct json_object *value, char *buf, size_t size)
{
	const char *text = json_object_get_string(value);

	snprintf(buf, size, "%s", text ? text : "");
}

/* The elements of array @key; 0 if it is none. */
static size_t length(struct json_object *from, const char *key, struct json_object **list)
{
	*list = get(from, key);
	return json_object_is_type(*list, json_type_array) ? json_object_array_length(*list) : 0;
}

static km_error *parse_stack(struct json_object *from, struct km_saved_stack *s)
{
	struct km_stack *stack = &s->stack;
	struct json_object *list;
	size_t count;

	stack->task = get_number(from, "task");
	stack->base = get_number(from, "base");
	stack->size = get_number(from, "size");
	stack->start = (enum km_stack_start)get_number(from, "start");
	stack->sp = get_number(from, "sp");
	stack->pages_missing = get_number(from, "pages_missing");
	get_text(get(from, "trouble"), stack->trouble, sizeof(stack->trouble));
	count = length(from, "frames", &list);
	if (count > KM_FRAMES || stack->start > KM_STACK_UNKNOWN)
		return km_errorf(KM_EDATA, "a stack that is none");
	stack->count = count;
	for (size_t i = 0; i < count; i++) {
		struct json_object *frame = json_object_array_get_idx(list, i);
		struct km_frame *f = &stack->frames[i];

		if (!json_object_is_type(frame, json_type_array) ||
		    json_object_array_length(frame) != 5)
			return km_errorf(KM_EDATA, "a frame that is none");
		get_text(json_object_array_get_idx(frame, 0), f->function, sizeof(f->function));
		f->offset = to_number(json_object_array_get_idx(frame, 1));
		f->pc = to_number(json_object_array_get_idx(frame, 2));
		f->sp = to_number(json_object_array_get_idx(frame, 3));
		f->sure = json_object_get_boolean(json_object_array_get_idx(frame, 4));
	}
	s->faults.count = length(from, "page_faults", &list);
	if (s->faults.count > KM_PAGE_FAULTS)
		return km_errorf(KM_EDATA, "more faults than a stack has");
	for (size_t i = 0; i < s->faults.count; i++)
		s->faults.at[i] = to_number(json_object_array_get_idx(list, i));
	return NULL;
}

static void parse_task(struct json_object *from, struct km_task *t)
{
	t->addr = get_number(from, "task");
	t->tid = get_val(from, "tid");
	t->tgid = get_val(from, "tgid");
	t->state = get_val(from, "state");
	t->on_cpu = get_val(from, "on_cpu");
	t->mm = get_val(from, "mm");
	get_text(get(from, "comm"), t->comm, sizeof(t->comm));
}

static km_error *parse(struct json_object *all, struct km_saved_stacks *saved)
{
	struct json_object *list;
	size_t count = length(all, "tasks", &list);
	km_error *err = NULL;

	saved->tasks.complete = json_object_get_boolean(get(all, "complete"));
	get_text(get(all, "trouble"), saved->tasks.trouble, sizeof(saved->tasks.trouble));
	if (count > MAX_STACKS)
		return km_errorf(KM_EDATA, "%zu tasks", count);
	saved->tasks.tasks = calloc(count + 1, sizeof(*saved->tasks.tasks));
	if (!saved->tasks.tasks)
		return km_errorf(KM_ENOMEM, "out of memory");
	for (; saved->tasks.count < count; saved->tasks.count++)
		parse_task(json_object_array_get_idx(list, saved->tasks.count),
			   &saved->tasks.tasks[saved->tasks.count]);
	count = length(all, "stacks", &list);
	if (count > MAX_STACKS)
		return km_errorf(KM_EDATA, "%zu stacks", count);
	saved->stacks = calloc(count + 1, sizeof(*saved->stacks));
	if (!saved->stacks)
		return km_errorf(KM_ENOMEM, "out of memory");
	saved->room = count + 1;
	for (; saved->count < count && !err; saved->count++)
		err = parse_stack(json_object_array_get_idx(list, saved->count),
				  &saved->stacks[saved->count]);
	return err;
}

km_error *km_saved_stacks_parse(const char *text, size_t len, struct km_saved_stacks **out)
{
	struct km_saved_stacks *saved = calloc(1, sizeof(*saved));
	struct json_tokener *tokener = len < INT32_MAX ? json_tokener_new() : NULL;
	struct json_object *all = NULL;
	km_error *err;

	*out = saved;
	if (saved && tokener)
		all = json_tokener_parse_ex(tokener, text, (int)len);
	json_tokener_free(tokener);
	if (!saved)
		return km_errorf(KM_ENOMEM, "out of memory");
	err = json_object_is_type(all, json_type_object)
		      ? parse(all, saved)
		      : km_errorf(KM_EDATA, "what it has of stacks is no JSON object");
	json_object_put(all);
	return err;
}

void km_saved_stacks_free(struct km_saved_stacks *saved)
{
	if (!saved)
		return;
	km_tasks_deinit(&saved->tasks);
	free(saved->stacks);
	free(saved);
}
