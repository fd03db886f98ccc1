// SPDX-License-Identifier: GPL-2.0-or-later
#include "cm.h"

#include "base/address_index.h"

#define MANY  5000
#define FIRST 0xffff888002000000ULL
#define STEP  0x2c40ULL

static void test_index(void **state)
{
	struct km_address_index index = {0};
	size_t at = 99;

	(void)state;
	assert_false(km_address_index_find(&index, FIRST, &at));
	for (size_t i = 0; i < MANY; i++)
		assert_true(km_address_index_add(&index, FIRST + i * STEP, i));
	assert_true(km_address_index_add(&index, FIRST, MANY)); /* the first one counts */
	assert_true(km_address_index_add(&index, 0, MANY));
	for (size_t i = 0; i < MANY; i++) {
		assert_true(km_address_index_find(&index, FIRST + i * STEP, &at));
		assert_int_equal(at, i);
	}
	assert_true(km_address_index_find(&index, 0, &at));
	assert_int_equal(at, MANY);
	assert_false(km_address_index_find(&index, FIRST + 1, &at));
	assert_int_equal(index.count, MANY + 1);
	km_address_index_deinit(&index);
	assert_false(km_address_index_find(&index, FIRST, &at));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
