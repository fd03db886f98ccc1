// SPDX-License-Identifier: GPL-2.0-or-later
#include "cm.h"

#include "saved_stacks.h"

#include <stdlib.h>
#include <string.h>

static struct km_stack a_stack(uint64_t task)
{
	struct km_stack stack = {
		.task = task,
		.base = 0xffffc90000000000,
		.size = 0x4000,
		.start = KM_STACK_REGISTERS,
		.sp = 0xffffc90000001000,
		.count = 2,
		.pages_missing = 1,
		.trouble = "1 of 4 pages",
		.frames = {{1, 2, "kvm_mmu_page_fault", 3, true}, {5, 6, "", 0, false}}};
	return stack;
}

static void test_round(void **state)
{
	struct km_saved_stacks saved = {0}, *again;
	struct km_stack one = a_stack(1), two = a_stack(2);
	struct km_page_faults faults = {.at = {0x10, 0x20}, .count = 2};
	struct km_tasks tasks = {
		.tasks = calloc(2, sizeof(*tasks.tasks)), .count = 2, .complete = true};
	char *text, *text_again;

	(void)state;
	tasks.tasks[0] = (struct km_task){.addr = 2,
					  .tid = km_known_val(7),
					  .state = {.known = KM_UNREADABLE},
					  .mm = {.known = KM_ABSENT},
					  .comm = "vmm \"x\"",
					  .stack = two};
	tasks.tasks[1] = (struct km_task){.addr = 3, .stack = a_stack(3)};
	assert_null(km_saved_stacks_add(&saved, &one));
	km_saved_stacks_add_faults(&saved, 1, &faults);
	km_saved_stacks_add_faults(&saved, 99, &faults);
	assert_null(km_saved_stacks_take_tasks(&saved, &tasks));
	assert_null(tasks.tasks);
	assert_null(km_saved_stacks_add(&saved, &one)); /* once only */
	assert_int_equal(saved.count, 3);
	text = km_saved_stacks_print(&saved);
	assert_null(km_saved_stacks_parse(text, strlen(text), &again));
	text_again = km_saved_stacks_print(again);
	assert_string_equal(text, text_again);
	assert_memory_equal(&km_saved_stack_of(again, 1)->stack, &one, sizeof(one));
	assert_int_equal(km_saved_stack_of(again, 1)->faults.at[1], 0x20);
	assert_null(km_saved_stack_of(again, 4));
	assert_null(km_saved_tasks(again, &tasks));
	assert_true(tasks.complete);
	assert_int_equal(tasks.count, 2);
	assert_int_equal(tasks.tasks[0].tid.v, 7);
	assert_int_equal(tasks.tasks[0].state.known, KM_UNREADABLE);
	assert_int_equal(tasks.tasks[0].mm.known, KM_ABSENT);
	assert_string_equal(tasks.tasks[0].comm, "vmm \"x\"");
	assert_memory_equal(&tasks.tasks[0].stack, &two, sizeof(two));
	km_tasks_deinit(&tasks);
	km_saved_stacks_free(again);
	km_tasks_deinit(&saved.tasks);
	free(saved.stacks);
	free(text);
	free(text_again);
}

static void test_what_is_none(void **state)
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
	static const char *const harmless[] = {
		"{}",
		"{\"stacks\": 1, \"tasks\": {}}",
		"{\"stacks\": [7, null, \"x\", []], \"tasks\": [null, 3]}",
		"{\"stacks\": [{\"frames\": [[1, 2, 3, 4, 5]], \"task\": {}}]}",
	};
	struct km_saved_stacks *saved;
	char many[64 * 50 + 64] = "{\"stacks\": [{\"frames\": [";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		km_scoped_error *err = km_saved_stacks_parse(bad[i], strlen(bad[i]), &saved);

		assert_int_equal(km_error_code(err), KM_EDATA);
		km_saved_stacks_free(saved);
	}
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
		assert_null(km_saved_stacks_parse(harmless[i], strlen(harmless[i]), &saved));
		km_saved_stacks_free(saved);
	}
	for (int i = 0; i <= KM_FRAMES; i++)
		strcat(many, i ? ",[\"f\",\"\",\"\",\"\",true]" : "[\"f\",\"\",\"\",\"\",true]");
	strcat(many, "]}]}");
	km_error *err = km_saved_stacks_parse(many, strlen(many), &saved);
	assert_int_equal(km_error_code(err), KM_EDATA);
	km_error_free(err);
	km_saved_stacks_free(saved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_what_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
