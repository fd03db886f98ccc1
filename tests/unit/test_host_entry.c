// SPDX-License-Identifier: GPL-2.0-or-later
/* Entries of the host's page tables that map no page. */
#include "walk/host_entry.h"

#include "cm.h"

#include <string.h>

#define FOUR_LEVELS 34
#define FIVE_LEVELS 40

/* As swp_entry() and swp_entry_to_pte() make it. */
static uint64_t swap_entry(unsigned type, uint64_t offset)
{
	return (uint64_t)type << 59 | ~offset << 14 >> 5;
}

static struct km_host_entry decoded(uint64_t value, enum km_host_entry_kind kind, const char *text)
{
	struct km_host_entry e = km_host_entry_decode(value, FOUR_LEVELS);
	char is[100];

	assert_int_equal(e.kind, kind);
	assert_int_equal(e.value, value);
	km_host_entry_print(&e, is, sizeof(is));
	assert_string_equal(is, text);
	return e;
}

static void test_kinds(void **state)
{
	(void)state;
	decoded(0, KM_HOST_EMPTY, "is empty");
	decoded(swap_entry(0, 0x1234), KM_HOST_SWAPPED,
		"is swapped out (swap file 0, page 0x1234)");
	/* soft-dirty, userfaultfd and exclusive are bits 1, 2 and 3 */
	decoded(swap_entry(3, 0xfffffffff) | 0xe, KM_HOST_SWAPPED,
		"is swapped out (swap file 3, page 0xfffffffff)");
	decoded(swap_entry(19, 1), KM_HOST_SWAPPED, "is swapped out (swap file 19, page 0x1)");
	decoded(swap_entry(31, 1), KM_HOST_MARKER, "is a marker: write-protected by userfaultfd");
	decoded(swap_entry(31, 2), KM_HOST_MARKER, "is a marker: a poisoned page");
	decoded(swap_entry(31, 4), KM_HOST_MARKER, "is a marker: a guard region");
	decoded(swap_entry(31, 0x5000), KM_HOST_OWN, "is a swap entry of type 31, of pfn 0x5000");
	decoded(swap_entry(20, 0x5000), KM_HOST_OWN, "is a swap entry of type 20, of pfn 0x5000");
}

/* Entries of poisoned pages that kernels made: samples/scenarios. */
static void test_of_real_kernels(void **state)
{
	(void)state;
	assert_int_equal(decoded(0xdffffffffe013800, KM_HOST_OWN, /* 6.12 */
				 "is a swap entry of type 27, of pfn 0xff63")
				 .pfn,
			 0xff63);
	assert_int_equal(decoded(0xc7fffffffe0f9a00, KM_HOST_OWN, /* 7.3 */
				 "is a swap entry of type 24, of pfn 0xf832")
				 .pfn,
			 0xf832);
}

/* Above the pfn, a migrating page has the bits A and D: make_migration_entry_young(). */
static void test_accessed_and_dirty_are_no_pfn(void **state)
{
	uint64_t young = KM_BIT(FOUR_LEVELS), dirty = KM_BIT(FOUR_LEVELS + 1);

	(void)state;
	assert_int_equal(
		km_host_entry_decode(swap_entry(25, 0x777 | young | dirty), FOUR_LEVELS).pfn,
		0x777);
	assert_int_equal(km_host_entry_decode(swap_entry(25, 0x777 | young), FIVE_LEVELS).pfn,
			 0x777 | young);
}

/* The pfn of PROT_NONE is inverted: pte_modify() with __pte_needs_invert(). */
static void test_no_access(void **state)
{
	uint64_t pfn = 0x12345,
		 value = (~(pfn << 12) & ((KM_BIT(40) - 1) << 12)) | KM_BIT(8) | 0x60;
	struct km_host_entry e =
		decoded(value, KM_HOST_NO_ACCESS, "permits no access to pfn 0x12345");

	(void)state;
	assert_true(e.has_pfn);
	assert_int_equal(e.pfn, pfn);
	assert_int_equal(
		decoded(value | KM_BIT(63), KM_HOST_NO_ACCESS, "permits no access to pfn 0x12345")
			.pfn,
		pfn);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_of_real_kernels),
		cmocka_unit_test(test_accessed_and_dirty_are_no_pfn),
		cmocka_unit_test(test_no_access),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
