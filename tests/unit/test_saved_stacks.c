// SPDX-License-Identifier: GPL-2.0-or-later
#include "cm.h"

#include "threads/saved_stacks.h"

#include <stdlib.h>
#include <string.h>

static struct km_stack a_stack(uint64_t task)
{
	static struct km_frame frames[] = {{1, 2, "kvm_mmu_page_fault", 3, true},
					   {5, 6, "", 0, false}};
	struct km_stack stack = {.task = task,
				 .base = 0xffffc90000000000,
				 .size = 0x4000,
				 .start = KM_STACK_REGISTERS,
				 .sp = 0xffffc90000001000,
				 .count = 2,
				 .pages_missing = 1,
				 .trouble = "1 of 4 pages",
				 .frames = frames};
	return stack;
}

static km_error *parse(const char *text, uint64_t max, struct km_saved_stacks **saved)
{
	uint64_t used;
	km_error *err = km_saved_stacks_parse(text, strlen(text), max, saved, &used);

	assert_true(err || used <= max);
	return err;
}

/* Their padding may differ. */
static void assert_same_place(const struct km_fault_place *a, const struct km_fault_place *b)
{
	assert_int_equal(a->handler_slot, b->handler_slot);
	assert_int_equal(a->caller_slot, b->caller_slot);
	assert_int_equal(a->chain, b->chain);
	assert_int_equal(a->sptep, b->sptep);
	assert_int_equal(a->old_spte, b->old_spte);
	assert_int_equal(a->level, b->level);
}

static void assert_same_stack(const struct km_stack *a, const struct km_stack *b)
{
	assert_int_equal(a->task, b->task);
	assert_int_equal(a->base, b->base);
	assert_int_equal(a->size, b->size);
	assert_int_equal(a->start, b->start);
	assert_int_equal(a->sp, b->sp);
	assert_int_equal(a->count, b->count);
	assert_int_equal(a->pages_missing, b->pages_missing);
	assert_string_equal(a->trouble, b->trouble);
	for (size_t i = 0; i < a->count; i++) {
		assert_int_equal(a->frames[i].pc, b->frames[i].pc);
		assert_int_equal(a->frames[i].sp, b->frames[i].sp);
		assert_string_equal(a->frames[i].function, b->frames[i].function);
		assert_int_equal(a->frames[i].offset, b->frames[i].offset);
		assert_int_equal(a->frames[i].sure, b->frames[i].sure);
	}
}

static void test_round(void **state)
{
	struct km_saved_stacks saved = {0}, *again;
	struct km_stack one = a_stack(1), two = a_stack(2);
	struct km_page_faults faults = {
		.at = {0x10, 0x20},
		.places[1] = {.handler_slot = 0x18, .caller_slot = 0x38, .chain = true, .level = 2},
		.count = 2};
	const struct km_task first = {.addr = 2,
				      .tid = km_known_val(7),
				      .state = {.known = KM_UNREADABLE},
				      .mm = {.known = KM_ABSENT},
				      .comm = "vmm \"x\"",
				      .stack = two};
	const struct km_task second = {.addr = 3, .stack = a_stack(3)};
	struct km_tasks tasks;
	char *text, *text_again;

	(void)state;
	assert_null(km_saved_stacks_add(&saved, &one));
	km_saved_stacks_add_faults(&saved, 1, &faults);
	km_saved_stacks_add_faults(&saved, 99, &faults);
	saved.tasks.complete = true;
	assert_null(km_saved_stacks_add_task(&saved, &first));
	assert_null(km_saved_stacks_add_task(&saved, &second));
	assert_null(km_saved_stacks_add(&saved, &one)); /* added only once */
	assert_int_equal(saved.count, 3);
	text = km_saved_stacks_print(&saved);
	assert_null(parse(text, 1 << 20, &again));
	text_again = km_saved_stacks_print(again);
	assert_string_equal(text, text_again);
	assert_same_stack(&km_saved_stack_of(again, 1)->stack, &one);
	assert_int_equal(km_saved_stack_of(again, 1)->faults.at[1], 0x20);
	for (size_t i = 0; i < faults.count; i++)
		assert_same_place(&km_saved_stack_of(again, 1)->faults.places[i],
				  &faults.places[i]);
	assert_null(km_saved_stack_of(again, 4));
	assert_null(km_saved_tasks(again, &tasks));
	assert_true(tasks.complete);
	assert_int_equal(tasks.count, 2);
	assert_int_equal(tasks.tasks[0].tid.v, 7);
	assert_int_equal(tasks.tasks[0].state.known, KM_UNREADABLE);
	assert_int_equal(tasks.tasks[0].mm.known, KM_ABSENT);
	assert_string_equal(tasks.tasks[0].comm, "vmm \"x\"");
	assert_same_stack(&tasks.tasks[0].stack, &two);
	km_tasks_deinit(&tasks);
	km_saved_stacks_free(again);
	for (size_t i = 0; i < saved.count; i++)
		km_stack_deinit(&saved.stacks[i].stack);
	km_names_deinit(&saved.names);
	free(saved.tasks.tasks);
	free(saved.stacks);
	km_address_index_deinit(&saved.index);
	free(text);
	free(text_again);
}

/* Memory is bounded before it is allocated. */
static void test_limit(void **state)
{
	static const char text[] = "{\"stacks\":[{},{},{},{}],\"tasks\":[{},{},{}]}";
	struct km_saved_stacks *saved;
	km_scoped_error *err = NULL;

	(void)state;
	assert_null(parse(text, 1 << 20, &saved));
	assert_int_equal(saved->count, 4);
	assert_int_equal(saved->tasks.count, 3);
	km_saved_stacks_free(saved);
	err = parse(text, 3 * sizeof(struct km_saved_stack), &saved);
	assert_int_equal(km_error_code(err), KM_ELIMIT);
	km_saved_stacks_free(saved);
}

static void test_malformed(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{\"stacks\": [{\"start\": \"0x9\"}]}",
		"{\"stacks\": [{\"frames\": [1]}]}",
		"{\"stacks\": [{\"frames\": [[\"f\", \"0x1\"]]}]}",
		"{\"stacks\": [{\"page_faults\": [1, 2, 3, 4, 5]}]}",
		"{\"stacks\": [{}",
	};
	static const char *const unknown[] = {
		"{\"stacks\": [{\"frames\": [[1, 2, 3, 4, 5]], \"more\": {}}]}",
		"{\"tasks\": [{\"task\": \"0x1\", \"more\": 1}]}",
		"{\"tasks\": [], \"more\": []}",
	};
	static const char *const harmless[] = {
		"{\"stacks\":[],\"tasks\":[]}",
		" { \"stacks\" : [ ] , \"complete\" : true } ",
		"{\"stacks\": [{\"frames\": [[1, 2, 3, 4, 5]], \"task\": {}}]}",
	};
	struct km_saved_stacks *saved;
	char many[64 * 50 + 64] = "{\"stacks\": [{\"frames\": [";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		km_scoped_error *err = parse(bad[i], 1 << 20, &saved);

		assert_int_equal(km_error_code(err), KM_EDATA);
		km_saved_stacks_free(saved);
	}
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		km_scoped_error *err = parse(unknown[i], 1 << 20, &saved);

		assert_int_equal(km_error_code(err), KM_EDATA);
		assert_non_null(strstr(km_error_text(err), "unknown key \"more\""));
		km_saved_stacks_free(saved);
	}
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
		assert_null(parse(harmless[i], 1 << 20, &saved));
		km_saved_stacks_free(saved);
	}
	for (int i = 0; i <= KM_FRAMES; i++)
		strcat(many, i ? ",[\"f\",\"\",\"\",\"\",true]" : "[\"f\",\"\",\"\",\"\",true]");
	strcat(many, "]}]}");
	km_error *err = parse(many, 1 << 20, &saved);
	assert_int_equal(km_error_code(err), KM_EDATA);
	km_error_free(err);
	km_saved_stacks_free(saved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
