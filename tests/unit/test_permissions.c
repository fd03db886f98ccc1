// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Compare all permission tables with the statements of the manuals. Rights are sets here: one bit
 * for each of the 16 (or 8) combinations, as in the words of a dump.
 */
#include "cm.h"
#include "rules/permissions.h"

#include <string.h>

enum {
	/* Combinations without a right, KM_ACC_RWUX. */
	NO_R = 0x5555,
	NO_W = 0x3333,
	NO_U = 0x0f0f,
	NO_X = 0x00ff,
	/* ... KM_ACC_UWX. */
	OLD_NO_X = 0x55,
	OLD_NO_W = 0x33,
	OLD_NO_U = 0x0f,
};

/* An access, by its index in the table. */
struct access {
	bool write, user, not_smap, fetch;
};

static struct access access_of(unsigned index)
{
	return (struct access){index & 1, index & 2, index & 4, index & 8};
}

/*
 * SDM 4.6, "Determination of Access Rights", for an access. The arguments are the sets of
 * combinations without W, U and X, and those with U.
 */
static unsigned x86_faults(struct access a, const struct km_perm_inputs *in, unsigned no_w,
			   unsigned no_u, unsigned no_x, unsigned user_pages)
{
	unsigned faults = 0;

	if (a.user) {
		/* "User-mode accesses": only to user-mode addresses; not checked with GMET */
		if (!in->tdp || !in->cr4_smep || in->format == KM_ACC_UWX)
			faults |= no_u;
		/* Data writes: R/W in every entry. */
		faults |= a.write ? no_w : 0;
		faults |= a.fetch && in->efer_nx ? no_x : 0;
		return faults;
	}
	/* "Supervisor-mode accesses". */
	if (a.write && in->cr0_wp)
		faults |= no_w;
	if (a.fetch) {
		faults |= in->efer_nx ? no_x : 0;
		faults |= in->cr4_smep ? user_pages : 0;
	} else if (in->cr4_smap && !a.not_smap) {
		faults |= user_pages;
	}
	return faults;
}

static uint16_t expected_word(const struct km_perm_inputs *in, unsigned index)
{
	struct access a = access_of(index);
	unsigned faults = 0;

	if (in->format == KM_ACC_UWX && in->ept) {
		/* U is the right to read; the access needs all its rights */
		faults |= a.write ? OLD_NO_W : 0;
		faults |= a.user ? OLD_NO_U : 0;
		faults |= a.fetch ? OLD_NO_X : 0;
		return faults;
	}
	if (in->format == KM_ACC_UWX)
		return x86_faults(a, in, OLD_NO_W, OLD_NO_U, OLD_NO_X, 0xff & ~OLD_NO_U);

	if (!a.write && !a.fetch)
		faults |= NO_R;
	if (in->ept) {
		faults |= a.write ? NO_W : 0;
		/* cr4_smep is MBEC here: XU for user addresses, else XS. XU is the bit of U. */
		if (a.fetch)
			faults |= in->cr4_smep && a.user ? NO_U : NO_X;
		return faults;
	}
	return faults | x86_faults(a, in, NO_W, NO_U, NO_X, 0xffff & ~NO_U);
}

static struct km_perm_inputs inputs_of(unsigned bits)
{
	return (struct km_perm_inputs){
		.format = bits & 1 ? KM_ACC_RWUX : KM_ACC_UWX,
		.tdp = bits & 2,
		.ept = bits & 4,
		.cr4_smep = bits & 8,
		.cr4_smap = bits & 16,
		.cr0_wp = bits & 32,
		.efer_nx = bits & 64,
	};
}

static void test_every_table(void **state)
{
	uint16_t words[KM_PERM_WORDS + 1];

	(void)state;
	for (unsigned bits = 0; bits < 128; bits++) {
		struct km_perm_inputs in = inputs_of(bits);

		memset(words, 0xa5, sizeof(words));
		km_update_permission_bitmask(&in, words);
		assert_int_equal(words[KM_PERM_WORDS], 0xa5a5);
		for (unsigned index = 0; index < KM_PERM_WORDS; index++)
			assert_int_equal(words[index], expected_word(&in, index));
	}
}

/* Words from dumps, or computed by hand from the manuals. */
static void test_known_tables(void **state)
{
	static const struct {
		struct km_perm_inputs in;
		uint16_t words[KM_PERM_WORDS];
	} cases[] = {
		{/* EPT without MBEC, an Intel dump of 7.3 */
		 {.format = KM_ACC_RWUX, .tdp = 1, .ept = 1, .cr0_wp = 1, .efer_nx = 1},
		 {0x5555, 0x3333, 0x5555, 0x3333, 0x5555, 0x3333, 0x5555, 0x3333, 0x00ff, 0x33ff,
		  0x00ff, 0x33ff, 0x00ff, 0x33ff, 0x00ff, 0x33ff}},
		{/* EPT with MBEC, an Intel dump of 7.3 */
		 {.format = KM_ACC_RWUX,
		  .tdp = 1,
		  .ept = 1,
		  .cr4_smep = 1,
		  .cr0_wp = 1,
		  .efer_nx = 1},
		 {0x5555, 0x3333, 0x5555, 0x3333, 0x5555, 0x3333, 0x5555, 0x3333, 0x00ff, 0x33ff,
		  0x0f0f, 0x3f3f, 0x00ff, 0x33ff, 0x0f0f, 0x3f3f}},
		{/* NPT */
		 {.format = KM_ACC_RWUX, .tdp = 1, .cr0_wp = 1, .efer_nx = 1},
		 {0x5555, 0x3333, 0x5f5f, 0x3f3f, 0x5555, 0x3333, 0x5f5f, 0x3f3f, 0x00ff, 0x33ff,
		  0x0fff, 0x3fff, 0x00ff, 0x33ff, 0x0fff, 0x3fff}},
		{/* NPT with GMET */
		 {.format = KM_ACC_RWUX, .tdp = 1, .cr4_smep = 1, .cr0_wp = 1, .efer_nx = 1},
		 {0x5555, 0x3333, 0x5555, 0x3333, 0x5555, 0x3333, 0x5555, 0x3333, 0xf0ff, 0xf3ff,
		  0x00ff, 0x33ff, 0xf0ff, 0xf3ff, 0x00ff, 0x33ff}},
		{/* Linux as a guest: SMEP, SMAP, WP, NX */
		 {.format = KM_ACC_RWUX, .cr4_smep = 1, .cr4_smap = 1, .cr0_wp = 1, .efer_nx = 1},
		 {0xf5f5, 0xf3f3, 0x5f5f, 0x3f3f, 0x5555, 0x3333, 0x5f5f, 0x3f3f, 0xf0ff, 0xf3ff,
		  0x0fff, 0x3fff, 0xf0ff, 0xf3ff, 0x0fff, 0x3fff}},
		{/* the same, 6.1 */
		 {.format = KM_ACC_UWX, .cr4_smep = 1, .cr4_smap = 1, .cr0_wp = 1, .efer_nx = 1},
		 {0xf0, 0xf3, 0x0f, 0x3f, 0x00, 0x33, 0x0f, 0x3f, 0xf5, 0xf7, 0x5f, 0x7f, 0xf5,
		  0xf7, 0x5f, 0x7f}},
		{/* nested EPT, 6.1 */
		 {.format = KM_ACC_UWX, .ept = 1},
		 {0x00, 0x33, 0x0f, 0x3f, 0x00, 0x33, 0x0f, 0x3f, 0x55, 0x77, 0x5f, 0x7f, 0x55,
		  0x77, 0x5f, 0x7f}},
	};
	uint16_t words[KM_PERM_WORDS];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		km_update_permission_bitmask(&cases[i].in, words);
		assert_memory_equal(words, cases[i].words, sizeof(words));
	}
}

static void test_inputs_of_guest_tables(void **state)
{
	(void)state;
	for (unsigned bits = 0; bits < 256; bits++) {
		const struct km_cpu_role role = {
			.base = {.cr4_smep = !!(bits & 1),
				 .cr0_wp = !!(bits & 2),
				 .efer_nx = !!(bits & 4)},
			.ext = {.cr4_smap = !!(bits & 8), .cr4_smep = !!(bits & 16)},
		};
		enum km_acc_format format = bits & 32 ? KM_ACC_RWUX : KM_ACC_UWX;
		struct km_perm_inputs in =
			km_guest_perm_inputs(format, &role, bits & 64, bits & 128);

		assert_int_equal(in.format, format);
		assert_int_equal(in.tdp, !!(bits & 64));
		assert_int_equal(in.ept, !!(bits & 128));
		assert_int_equal(in.cr4_smep, !!(bits & 17));
		assert_int_equal(in.cr4_smap, !!(bits & 8));
		assert_int_equal(in.cr0_wp, !!(bits & 2));
		assert_int_equal(in.efer_nx, !!(bits & 4));
	}
}

static void test_inputs_of_spte_tables(void **state)
{
	(void)state;
	for (unsigned bits = 0; bits < 64; bits++) {
		/* WP and NX of the role are ignored */
		const struct km_page_role role = {
			.cr4_smep = !!(bits & 1), .cr0_wp = !!(bits & 2), .efer_nx = !!(bits & 4)};
		enum km_acc_format format = bits & 8 ? KM_ACC_RWUX : KM_ACC_UWX;
		struct km_perm_inputs in = km_spte_perm_inputs(format, &role, bits & 16, bits & 32);

		assert_int_equal(in.format, format);
		assert_int_equal(in.tdp, !!(bits & 16));
		assert_int_equal(in.ept, !!(bits & 32));
		assert_int_equal(in.cr4_smep, !!(bits & 1));
		assert_false(in.cr4_smap);
		assert_true(in.cr0_wp);
		assert_true(in.efer_nx);
	}
}

/* SDM 4.6.2: keys guard data accesses to user pages; WD affects supervisors only if CR0.WP=1. */
static void test_pkru(void **state)
{
	(void)state;
	assert_int_equal(km_update_pkru_bitmask(false, false), 0);
	assert_int_equal(km_update_pkru_bitmask(false, true), 0);
	assert_int_equal(km_update_pkru_bitmask(true, true), 0xdd00);
	assert_int_equal(km_update_pkru_bitmask(true, false), 0xd500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_table),
		cmocka_unit_test(test_known_tables),
		cmocka_unit_test(test_inputs_of_guest_tables),
		cmocka_unit_test(test_inputs_of_spte_tables),
		cmocka_unit_test(test_pkru),
	};

	return cmocka_run_group_tests_name("permissions", tests, NULL, NULL);
}
