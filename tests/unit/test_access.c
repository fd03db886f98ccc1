// SPDX-License-Identifier: GPL-2.0-or-later
#include "cm.h"
#include "rules/access.h"

#include <string.h>

static void test_names_are_the_bits_in_order(void **state)
{
	size_t count;
	const struct km_bit_name *names = km_pferr_names(&count);
	uint64_t all = 0, previous = 0;

	(void)state;
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(__builtin_popcountll(names[i].mask), 1);
		assert_true(names[i].mask > previous);
		assert_true(names[i].letter && names[i].name && names[i].text);
		previous = names[i].mask;
		all |= names[i].mask;
	}
	/* P W U RSVD F PK SS, SGX, RMP, FINAL PAGE ENC SIZEM VMPL, IMPLICIT PRIVATE */
	assert_int_equal(all, 0x3001f8000807fULL);
}

static void test_pferr_printed(void **state)
{
	static const struct {
		uint64_t error_code;
		const char *text;
	} cases[] = {
		{0, "0"},
		{0x1, "P"},
		{0x7, "P|W|U"},
		{0x15, "P|U|F"},
		{0x9, "P|RSVD"},
		{0x80, "0x80"},
		{0x83, "P|W|0x80"},
		{0x100000014ULL, "U|F|GUEST_FINAL"},
		{0x200000007ULL, "P|W|U|GUEST_PAGE"},
		{0x80008060ULL, "PK|SS|SGX|RMP"},
		{0x1c00000000ULL, "GUEST_ENC|GUEST_SIZEM|GUEST_VMPL"},
		{0x3000000000000ULL, "IMPLICIT|PRIVATE"},
	};
	char buf[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(km_pferr_spell(cases[i].error_code, buf, sizeof(buf)),
				    cases[i].text);
}

static void test_pferr_all_bits_fit(void **state)
{
	char buf[128], small[4];

	(void)state;
	km_pferr_spell(UINT64_MAX, buf, sizeof(buf));
	assert_string_equal(strrchr(buf, '|'), "|0xfffcffe07fff7f80");
	assert_string_equal(km_pferr_spell(0x7, small, sizeof(small)), "P|W");
}

static void test_acc_printed(void **state)
{
	static const struct {
		enum km_acc_format format;
		unsigned acc;
		bool ept;
		const char *text;
	} cases[] = {
		{KM_ACC_RWUX, 0x0, false, "----"}, {KM_ACC_RWUX, 0xf, false, "rwxu"},
		{KM_ACC_RWUX, 0xf, true, "rwsu"},  {KM_ACC_RWUX, 0x1, false, "r---"},
		{KM_ACC_RWUX, 0x2, true, "-w--"},  {KM_ACC_RWUX, 0x4, true, "---u"},
		{KM_ACC_RWUX, 0x8, true, "--s-"},  {KM_ACC_RWUX, 0x8, false, "--x-"},
		{KM_ACC_UWX, 0x0, false, "---"},   {KM_ACC_UWX, 0x7, false, "wxu"},
		{KM_ACC_UWX, 0x7, true, "rwx"},	   {KM_ACC_UWX, 0x4, true, "r--"},
		{KM_ACC_UWX, 0x2, false, "w--"},   {KM_ACC_UWX, 0x1, false, "-x-"},
	};
	char buf[5], small[2];

	(void)state;
	assert_int_equal(km_acc_combinations(KM_ACC_UWX), 8);
	assert_int_equal(km_acc_combinations(KM_ACC_RWUX), 16);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(
			km_acc_spell(cases[i].format, cases[i].acc, cases[i].ept, buf, sizeof(buf)),
			cases[i].text);
	assert_string_equal(km_acc_spell(KM_ACC_RWUX, 0xf, false, small, sizeof(small)), "r");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_are_the_bits_in_order),
		cmocka_unit_test(test_pferr_printed),
		cmocka_unit_test(test_pferr_all_bits_fit),
		cmocka_unit_test(test_acc_printed),
	};

	return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
