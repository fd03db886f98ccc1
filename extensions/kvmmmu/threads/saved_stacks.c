// SPDX-License-Identifier: GPL-2.0-or-later
#include "threads/saved_stacks.h"

#include "base/json_build.h"
#include "base/json_keys.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STYLE	 (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
#define MAX_TEXT 65536 /* of one task or stack: 48 frames have at most 12 KB */

static struct km_saved_stack *find(const struct km_saved_stacks *saved, uint64_t task)
{
	size_t at;

	return km_address_index_find(&saved->index, task, &at) ? &saved->stacks[at] : NULL;
}

/* Make room for the stack of @task, and index it. Return false if memory is exhausted. */
static bool make_room(struct km_saved_stacks *saved, uint64_t task)
{
	size_t room = 2 * saved->room + 16;
	struct km_saved_stack *stacks;

	if (saved->count == saved->room) {
		stacks = reallocarray(saved->stacks, room, sizeof(*stacks));
		if (!stacks)
			return false;
		saved->stacks = stacks;
		saved->room = room;
	}
	return km_address_index_add(&saved->index, task, saved->count);
}

/* As make_room(), for tasks. */
static bool make_task_room(struct km_saved_tasks *tasks)
{
	size_t room = 2 * tasks->room + 16;
	struct km_saved_task *grown;

	if (tasks->count < tasks->room)
		return true;
	grown = reallocarray(tasks->tasks, room, sizeof(*grown));
	if (!grown)
		return false;
	tasks->tasks = grown;
	tasks->room = room;
	return true;
}

static km_error *keep_name(struct km_saved_stacks *saved, const char *name, const char **kept)
{
	*kept = km_names_add(&saved->names, name, strlen(name));
	if (*kept)
		return NULL;
	*kept = "";
	return km_errorf(KM_ENOMEM, "out of memory");
}

/* Add a stack, with room for it, to be filled by the caller. */
static struct km_saved_stack *next_stack(struct km_saved_stacks *saved)
{
	return memset(&saved->stacks[saved->count++], 0, sizeof(*saved->stacks));
}

/* Make @to a copy of @stack that depends on nothing else. */
static km_error *keep_stack(struct km_saved_stacks *saved, const struct km_stack *stack,
			    struct km_stack *to)
{
	km_error *err = km_stack_copy(stack, to);

	for (size_t i = 0; i < to->count && !err; i++)
		err = keep_name(saved, stack->frames[i].function, &to->frames[i].function);
	return err;
}

km_error *km_saved_stacks_add(struct km_saved_stacks *saved, const struct km_stack *stack)
{
	if (find(saved, stack->task))
		return NULL;
	if (!make_room(saved, stack->task))
		return km_errorf(KM_ENOMEM, "out of memory");
	return keep_stack(saved, stack, &next_stack(saved)->stack);
}

void km_saved_stacks_add_faults(struct km_saved_stacks *saved, uint64_t task,
				const struct km_page_faults *faults)
{
	struct km_saved_stack *of = find(saved, task);

	if (of)
		of->faults = *faults;
}

km_error *km_saved_stacks_add_task(struct km_saved_stacks *saved, const struct km_task *task)
{
	if (!make_task_room(&saved->tasks))
		return km_errorf(KM_ENOMEM, "out of memory");
	saved->tasks.tasks[saved->tasks.count] = (struct km_saved_task){
		.addr = task->addr,
		.tid = task->tid,
		.tgid = task->tgid,
		.state = task->state,
		.on_cpu = task->on_cpu,
		.mm = task->mm,
	};
	memcpy(saved->tasks.tasks[saved->tasks.count++].comm, task->comm, sizeof(task->comm));
	return km_saved_stacks_add(saved, &task->stack);
}

const struct km_saved_stack *km_saved_stack_of(const struct km_saved_stacks *saved, uint64_t task)
{
	return saved ? find(saved, task) : NULL;
}

km_error *km_saved_tasks(const struct km_saved_stacks *saved, struct km_tasks *tasks)
{
	const struct km_saved_tasks *from = &saved->tasks;

	*tasks = (struct km_tasks){.complete = from->complete};
	memcpy(tasks->trouble, from->trouble, sizeof(tasks->trouble));
	tasks->tasks = calloc(from->count + 1, sizeof(*tasks->tasks));
	if (!tasks->tasks)
		return km_errorf(KM_ENOMEM, "out of memory");
	while (tasks->count < from->count) {
		const struct km_saved_task *t = &from->tasks[tasks->count];
		const struct km_saved_stack *of = find(saved, t->addr);
		struct km_task *task = &tasks->tasks[tasks->count];

		*task = (struct km_task){
			.addr = t->addr,
			.tid = t->tid,
			.tgid = t->tgid,
			.state = t->state,
			.on_cpu = t->on_cpu,
			.mm = t->mm,
		};
		memcpy(task->comm, t->comm, sizeof(task->comm));
		tasks->count++;
		if (of) {
			km_error *err = km_stack_copy(&of->stack, &task->stack);

			if (err)
				return err;
		}
		if (!km_tasks_index_last(tasks))
			return km_errorf(KM_ENOMEM, "out of memory");
	}
	return NULL;
}

/* ---- JSON ---- */

/* A member that the kernel does not have is omitted; one that was not readable is null. */
static void put_val(struct json_object *to, const char *key, struct km_val val, bool *ok)
{
	if (km_is_known(val))
		km_json_put_hex(to, key, val.v, ok);
	else if (val.known != KM_ABSENT)
		km_json_put_null(to, key, ok);
}

static bool has_places(const struct km_page_faults *faults)
{
	bool has = false;

	for (size_t i = 0; i < faults->count; i++)
		has |= faults->places[i].handler_slot != 0;
	return has;
}

static struct json_object *print_places(const struct km_page_faults *faults, bool *ok)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < faults->count; i++) {
		const struct km_fault_place *p = &faults->places[i];
		struct json_object *place = json_object_new_array();

		km_json_push_hex(place, p->handler_slot, ok);
		km_json_push_hex(place, p->caller_slot, ok);
		km_json_push_hex(place, p->chain, ok);
		km_json_push_hex(place, p->sptep, ok);
		km_json_push_hex(place, p->old_spte, ok);
		km_json_push_hex(place, p->level, ok);
		km_json_push(list, place, ok);
	}
	return list;
}

static struct json_object *print_stack(const struct km_saved_stack *s, bool *ok)
{
	struct json_object *to = json_object_new_object(), *list = json_object_new_array();
	const struct km_stack *stack = &s->stack;

	km_json_put_hex(to, "task", stack->task, ok);
	km_json_put_hex(to, "base", stack->base, ok);
	km_json_put_hex(to, "size", stack->size, ok);
	km_json_put_hex(to, "start", stack->start, ok);
	km_json_put_hex(to, "sp", stack->sp, ok);
	km_json_put_hex(to, "pages_missing", stack->pages_missing, ok);
	km_json_put(to, "trouble", json_object_new_string(stack->trouble), ok);
	for (size_t i = 0; i < stack->count; i++) {
		const struct km_frame *f = &stack->frames[i];
		struct json_object *frame = json_object_new_array();

		km_json_push(frame, json_object_new_string(f->function), ok);
		km_json_push_hex(frame, f->offset, ok);
		km_json_push_hex(frame, f->pc, ok);
		km_json_push_hex(frame, f->sp, ok);
		km_json_push(frame, json_object_new_boolean(f->sure), ok);
		km_json_push(list, frame, ok);
	}
	km_json_put(to, "frames", list, ok);
	list = json_object_new_array();
	for (size_t i = 0; i < s->faults.count; i++)
		km_json_push_hex(list, s->faults.at[i], ok);
	km_json_put(to, "page_faults", list, ok);
	/* as capsules of earlier versions, where nothing is known */
	if (has_places(&s->faults))
		km_json_put(to, "fault_places", print_places(&s->faults, ok), ok);
	return to;
}

static struct json_object *print_task(const struct km_saved_task *t, bool *ok)
{
	struct json_object *to = json_object_new_object();

	km_json_put_hex(to, "task", t->addr, ok);
	put_val(to, "tid", t->tid, ok);
	put_val(to, "tgid", t->tgid, ok);
	put_val(to, "state", t->state, ok);
	put_val(to, "on_cpu", t->on_cpu, ok);
	put_val(to, "mm", t->mm, ok);
	km_json_put(to, "comm", json_object_new_string(t->comm), ok);
	return to;
}

/* Print @value, if it is @ok, and free it. Return false if memory is exhausted. */
static bool print_value(FILE *out, struct json_object *value, bool ok)
{
	const char *text = ok ? km_json_text(value, STYLE) : NULL;
	bool printed = text && fputs(text, out) >= 0;

	json_object_put(value);
	return printed;
}

/* One task and one stack at a time: a json-c object takes many times the memory of its text. */
static bool print_all(FILE *out, const struct km_saved_stacks *saved)
{
	const struct km_saved_tasks *tasks = &saved->tasks;
	struct json_object *value;
	bool ok;

	fprintf(out, "{\"complete\":%s,\"trouble\":", tasks->complete ? "true" : "false");
	ok = print_value(out, json_object_new_string(tasks->trouble), true);
	fputs(",\"tasks\":[", out);
	for (size_t i = 0; i < tasks->count && ok; i++) {
		fputs(i ? "," : "", out);
		value = print_task(&tasks->tasks[i], &ok);
		ok = print_value(out, value, ok);
	}
	fputs("],\"stacks\":[", out);
	for (size_t i = 0; i < saved->count && ok; i++) {
		fputs(i ? "," : "", out);
		value = print_stack(&saved->stacks[i], &ok);
		ok = print_value(out, value, ok);
	}
	fputs("]}", out);
	return ok;
}

bool km_saved_stacks_write(const struct km_saved_stacks *saved, FILE *out)
{
	static const struct km_saved_stacks empty;

	return print_all(out, saved ? saved : &empty);
}

char *km_saved_stacks_print(const struct km_saved_stacks *saved)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	bool ok;

	if (!out)
		return NULL;
	ok = km_saved_stacks_write(saved, out);
	if (!fclose(out) && ok)
		return text;
	free(text);
	return NULL;
}

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

/* Get array @key and return its length; 0 if it is not an array. */
static size_t length(struct json_object *from, const char *key, struct json_object **list)
{
	*list = get(from, key);
	return json_object_is_type(*list, json_type_array) ? json_object_array_length(*list) : 0;
}

/* Capsules of earlier versions do not contain them. */
static void parse_places(struct json_object *from, struct km_page_faults *faults)
{
	struct json_object *list;
	size_t count = length(from, "fault_places", &list);

	for (size_t i = 0; i < count && i < faults->count; i++) {
		struct json_object *place = json_object_array_get_idx(list, i);

		if (!json_object_is_type(place, json_type_array) ||
		    json_object_array_length(place) != 6)
			continue;
		faults->places[i] = (struct km_fault_place){
			.handler_slot = to_number(json_object_array_get_idx(place, 0)),
			.caller_slot = to_number(json_object_array_get_idx(place, 1)),
			.chain = to_number(json_object_array_get_idx(place, 2)),
			.sptep = to_number(json_object_array_get_idx(place, 3)),
			.old_spte = to_number(json_object_array_get_idx(place, 4)),
			.level = (unsigned)to_number(json_object_array_get_idx(place, 5)),
		};
	}
}

/*
 * The text is read one task and one stack at a time, because an object of json-c takes many times
 * the memory of its text.
 */
struct reader {
	const char *at, *end;
	uint64_t used, max; /* bytes of memory */
	struct km_saved_stacks *saved;
};

/* Account for @size bytes before they are allocated. */
static km_error *charge(struct reader *r, size_t size)
{
	r->used += size;
	return r->used <= r->max ? NULL
				 : km_errorf(KM_ELIMIT, "stacks and tasks need more than the limit "
							"of memory");
}

static km_error *parse_frame(struct reader *r, struct json_object *from, struct km_frame *f)
{
	char name[64];
	km_error *err;

	if (!json_object_is_type(from, json_type_array) || json_object_array_length(from) != 5)
		return km_errorf(KM_EDATA, "malformed stack frame");
	get_text(json_object_array_get_idx(from, 0), name, sizeof(name));
	/* at most: most frames have a name that is there already */
	err = charge(r, sizeof(*f) + sizeof(name));
	if (!err)
		err = keep_name(r->saved, name, &f->function);
	f->offset = (uint32_t)to_number(json_object_array_get_idx(from, 1));
	f->pc = to_number(json_object_array_get_idx(from, 2));
	f->sp = to_number(json_object_array_get_idx(from, 3));
	f->sure = json_object_get_boolean(json_object_array_get_idx(from, 4));
	return err;
}

static km_error *parse_frames(struct reader *r, struct json_object *list, size_t count,
			      struct km_stack *stack)
{
	km_error *err = NULL;

	if (!count)
		return NULL;
	stack->frames = calloc(count, sizeof(*stack->frames));
	if (!stack->frames)
		return km_errorf(KM_ENOMEM, "out of memory");
	for (stack->count = 0; stack->count < count && !err; stack->count++)
		err = parse_frame(r, json_object_array_get_idx(list, stack->count),
				  &stack->frames[stack->count]);
	return err;
}

static km_error *parse_stack(struct reader *r, struct json_object *from, struct km_saved_stack *s)
{
	struct km_stack *stack = &s->stack;
	struct json_object *list;
	km_error *err;
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
		return km_errorf(KM_EDATA, "malformed stack");
	err = parse_frames(r, list, count, stack);
	if (err)
		return err;
	s->faults.count = length(from, "page_faults", &list);
	if (s->faults.count > KM_PAGE_FAULTS)
		return km_errorf(KM_EDATA, "more page faults than a stack can have");
	for (size_t i = 0; i < s->faults.count; i++)
		s->faults.at[i] = to_number(json_object_array_get_idx(list, i));
	parse_places(from, &s->faults);
	return NULL;
}

static void parse_task(struct json_object *from, struct km_saved_task *t)
{
	t->addr = get_number(from, "task");
	t->tid = get_val(from, "tid");
	t->tgid = get_val(from, "tgid");
	t->state = get_val(from, "state");
	t->on_cpu = get_val(from, "on_cpu");
	t->mm = get_val(from, "mm");
	get_text(get(from, "comm"), t->comm, sizeof(t->comm));
}

static km_error *malformed(void)
{
	return km_errorf(KM_EDATA, "the note of stacks is malformed");
}

static void skip_space(struct reader *r)
{
	while (r->at < r->end && strchr(" \t\r\n", *r->at) && *r->at)
		r->at++;
}

/* Skip one punctuation character. Return false if the next one is another. */
static bool skip(struct reader *r, char c)
{
	skip_space(r);
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

/* Parse one value; free it with json_object_put(). */
static km_error *next_value(struct reader *r, struct json_object **value)
{
	size_t left = (size_t)(r->end - r->at);
	struct json_tokener *tokener = json_tokener_new();
	enum json_tokener_error error;
	bool no_memory;

	*value = NULL;
	if (!tokener)
		return km_errorf(KM_ENOMEM, "out of memory");
	errno = 0;
	*value = json_tokener_parse_ex(tokener, r->at, (int)(left < MAX_TEXT ? left : MAX_TEXT));
	no_memory = errno == ENOMEM;
	error = json_tokener_get_error(tokener);
	r->at += json_tokener_get_parse_end(tokener);
	json_tokener_free(tokener);
	/* json-c leaves out what it cannot allocate, without an error */
	if (no_memory)
		return km_errorf(KM_ENOMEM, "out of memory");
	return error == json_tokener_success ? NULL : malformed();
}

static km_error *add_task(struct reader *r, struct json_object *value)
{
	static const char *const keys[] = {"task",   "tid", "tgid", "state",
					   "on_cpu", "mm",  "comm", NULL};
	struct km_saved_tasks *tasks = &r->saved->tasks;
	km_error *err = km_json_check_keys(value, "a task", keys);

	/* reallocation may double the room */
	if (!err)
		err = charge(r, 2 * sizeof(*tasks->tasks));
	if (!err && !make_task_room(tasks))
		err = km_errorf(KM_ENOMEM, "out of memory");
	if (err)
		return err;
	memset(&tasks->tasks[tasks->count], 0, sizeof(*tasks->tasks));
	parse_task(value, &tasks->tasks[tasks->count++]);
	return NULL;
}

static km_error *add_stack(struct reader *r, struct json_object *value)
{
	static const char *const keys[] = {"task",	  "base",	   "size",    "start",
					   "sp",	  "pages_missing", "trouble", "frames",
					   "page_faults", "fault_places",  NULL};
	km_error *err = km_json_check_keys(value, "a stack", keys);

	if (!err)
		err = charge(r, 2 * sizeof(*r->saved->stacks));
	if (!err && !make_room(r->saved, get_number(value, "task")))
		err = km_errorf(KM_ENOMEM, "out of memory");
	return err ? err : parse_stack(r, value, next_stack(r->saved));
}

/* Pass each element of an array to @add. */
static km_error *each_element(struct reader *r,
			      km_error *(*add)(struct reader *r, struct json_object *value))
{
	km_error *err = NULL;

	if (!skip(r, '['))
		return malformed();
	if (skip(r, ']'))
		return NULL;
	do {
		struct json_object *value;

		err = next_value(r, &value);
		if (!err)
			err = add(r, value);
		json_object_put(value);
	} while (!err && skip(r, ','));
	return err || skip(r, ']') ? err : malformed();
}

static km_error *read_member(struct reader *r, const char *key)
{
	struct km_saved_tasks *tasks = &r->saved->tasks;
	struct json_object *value;
	km_error *err;

	if (!strcmp(key, "tasks"))
		return each_element(r, add_task);
	if (!strcmp(key, "stacks"))
		return each_element(r, add_stack);
	if (strcmp(key, "complete") && strcmp(key, "trouble"))
		return km_errorf(KM_EDATA, "the note of stacks has an unknown key \"%.40s\"", key);
	err = next_value(r, &value);
	if (!err && !strcmp(key, "complete"))
		tasks->complete = json_object_get_boolean(value);
	else if (!err)
		get_text(value, tasks->trouble, sizeof(tasks->trouble));
	json_object_put(value);
	return err;
}

static km_error *read_all(struct reader *r)
{
	km_error *err = NULL;

	if (!skip(r, '{'))
		return malformed();
	do {
		struct json_object *key;

		skip_space(r);
		err = next_value(r, &key);
		if (!err && (!json_object_is_type(key, json_type_string) || !skip(r, ':')))
			err = malformed();
		if (!err)
			err = read_member(r, json_object_get_string(key));
		json_object_put(key);
	} while (!err && skip(r, ','));
	if (!err && !skip(r, '}'))
		err = malformed();
	skip_space(r);
	return err || r->at == r->end ? err : malformed();
}

km_error *km_saved_stacks_parse(const char *text, size_t len, uint64_t max,
				struct km_saved_stacks **out, uint64_t *used)
{
	struct reader r = {.at = text, .end = text + len, .max = max};
	km_error *err;

	*used = 0;
	*out = r.saved = calloc(1, sizeof(*r.saved));
	if (!r.saved)
		return km_errorf(KM_ENOMEM, "out of memory");
	err = read_all(&r);
	*used = r.used;
	return err;
}

void km_saved_stacks_free(struct km_saved_stacks *saved)
{
	if (!saved)
		return;
	for (size_t i = 0; i < saved->count; i++)
		km_stack_deinit(&saved->stacks[i].stack);
	km_names_deinit(&saved->names);
	free(saved->tasks.tasks);
	free(saved->stacks);
	km_address_index_deinit(&saved->index);
	free(saved);
}
