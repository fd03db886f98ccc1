// SPDX-License-Identifier: GPL-2.0-or-later
#include "cm.h"

#include "base/names.h"

#include <stdio.h>
#include <string.h>

#define MANY 1000

/* There is one copy of each, which stays where it is while more are added. */
static void test_one_copy(void **state)
{
	const char *first[MANY];
	struct km_names names = {0};
	char name[16];

	(void)state;
	assert_false(km_names_have(&names, "n0"));
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		first[i] = km_names_add(&names, name, strlen(name));
		assert_string_equal(first[i], name);
		assert_ptr_not_equal(first[i], name);
	}
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		assert_ptr_equal(km_names_add(&names, name, strlen(name)), first[i]);
		assert_true(km_names_have(&names, name));
	}
	assert_int_equal(names.count, MANY);
	km_names_deinit(&names);
	assert_false(km_names_have(&names, "n0"));
}

/* A name and its beginning are two names; the bytes behind @len do not count. */
static void test_lengths(void **state)
{
	struct km_names names = {0};
	const char *whole = km_names_add(&names, "direct_page_fault.isra.0", 24);

	(void)state;
	assert_false(km_names_have(&names, "direct_page_fault"));
	assert_string_equal(km_names_add(&names, whole, 17), "direct_page_fault");
	assert_true(km_names_have(&names, "direct_page_fault"));
	assert_true(km_names_have(&names, whole));
	assert_false(km_names_have(&names, "direct_page_faul"));
	assert_false(km_names_have(&names, "direct_page_fault."));
	assert_int_equal(names.count, 2);
	km_names_deinit(&names);
}

static void test_empty(void **state)
{
	struct km_names names = {0};

	(void)state;
	assert_string_equal(km_names_add(&names, "x", 0), "");
	assert_true(km_names_have(&names, ""));
	assert_int_equal(names.size, 0);
	km_names_deinit(&names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_copy),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
