// SPDX-License-Identifier: GPL-2.0-or-later
#include "cm.h"
#include "rules/role.h"

#include <stdio.h>
#include <string.h>

/* The places of the fields in 7.2 and 7.3. */
static const struct km_page_role_layout page_7_2 = {
	.level = {0, 4},
	.has_4_byte_gpte = {4, 1},
	.quadrant = {5, 2},
	.direct = {7, 1},
	.access = {8, 4},
	.invalid = {12, 1},
	.efer_nx = {13, 1},
	.cr0_wp = {14, 1},
	.smap_andnot_wp = {15, 1},
	.ad_disabled = {16, 1},
	.guest_mode = {17, 1},
	.passthrough = {18, 1},
	.is_mirror = {19, 1},
	.cr4_smep = {20, 1},
	.smm = {24, 8},
};

/* 6.1 */
static const struct km_page_role_layout page_6_1 = {
	.level = {0, 4},
	.has_4_byte_gpte = {4, 1},
	.quadrant = {5, 2},
	.direct = {7, 1},
	.access = {8, 3},
	.invalid = {11, 1},
	.efer_nx = {12, 1},
	.cr0_wp = {13, 1},
	.smep_andnot_wp = {14, 1},
	.smap_andnot_wp = {15, 1},
	.ad_disabled = {16, 1},
	.guest_mode = {17, 1},
	.passthrough = {18, 1},
	.smm = {24, 8},
};

static const struct km_ext_role_layout ext_6_1 = {
	.valid = {0, 1},
	.execonly = {1, 1},
	.cr4_pse = {2, 1},
	.cr4_pke = {3, 1},
	.cr4_smap = {4, 1},
	.cr4_smep = {5, 1},
	.cr4_la57 = {6, 1},
	.efer_lma = {7, 1},
};

/* 5.10: one role for the guest and its shadow pages */
static const struct km_page_role_layout page_5_10 = {
	.level = {0, 4},
	.gpte_is_8_bytes = {4, 1},
	.quadrant = {5, 2},
	.direct = {7, 1},
	.access = {8, 3},
	.invalid = {11, 1},
	.efer_nx = {12, 1},
	.cr0_wp = {13, 1},
	.smep_andnot_wp = {14, 1},
	.smap_andnot_wp = {15, 1},
	.ad_disabled = {16, 1},
	.guest_mode = {17, 1},
	.smm = {24, 8},
};

static const struct km_ext_role_layout ext_5_10 = {
	.valid = {0, 1},
	.execonly = {1, 1},
	.cr0_pg = {2, 1},
	.cr4_pae = {3, 1},
	.cr4_pse = {4, 1},
	.cr4_pke = {5, 1},
	.cr4_smap = {6, 1},
	.cr4_smep = {7, 1},
	.cr4_la57 = {8, 1},
};

/* has_pferr_fetch is the highest bit of the word. */
static const struct km_ext_role_layout ext_top = {.valid = {0, 1}, .has_pferr_fetch = {31, 1}};

/* Each field in turn: its bits set and all others clear, then the reverse. */
#define CHECK_PAGE_FIELD(name)                                                                     \
	do {                                                                                       \
		uint32_t ones = ((1u << layout->name.width) - 1);                                  \
		uint32_t mask = ones << layout->name.shift;                                        \
		assert_int_equal(km_page_role_decode(layout, mask).name, ones);                    \
		assert_int_equal(km_page_role_decode(layout, ~mask).name, 0);                      \
		assert_int_equal(km_page_role_decode(layout, mask).word, mask);                    \
	} while (0);
#define CHECK_EXT_FIELD(name)                                                                      \
	do {                                                                                       \
		uint32_t ones = ((1u << layout->name.width) - 1);                                  \
		uint32_t mask = ones << layout->name.shift;                                        \
		assert_int_equal(km_ext_role_decode(layout, mask).name, ones);                     \
		assert_int_equal(km_ext_role_decode(layout, ~mask).name, 0);                       \
		assert_int_equal(km_ext_role_decode(layout, mask).word, mask);                     \
	} while (0);

static void test_each_field_has_its_bits(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		const struct km_page_role_layout *layout = i ? &page_6_1 : &page_7_2;

		KM_PAGE_ROLE_FIELDS(CHECK_PAGE_FIELD)
	}
	for (int i = 0; i < 2; i++) {
		const struct km_ext_role_layout *layout = i ? &ext_6_1 : &ext_top;

		KM_EXT_ROLE_FIELDS(CHECK_EXT_FIELD)
	}
}

static void test_real_words(void **state)
{
	/* A TDP root of 7.3: level 4, direct, access rwux, nx, wp, no A/D bits. */
	struct km_page_role role = km_page_role_decode(&page_7_2, 0x00016f84);

	(void)state;
	assert_int_equal(role.level, 4);
	assert_int_equal(role.direct, 1);
	assert_int_equal(role.access, 15);
	assert_int_equal(role.efer_nx, 1);
	assert_int_equal(role.cr0_wp, 1);
	assert_int_equal(role.ad_disabled, 1);
	assert_int_equal(role.invalid, 0);
	assert_int_equal(role.cr4_smep, 0);
	assert_int_equal(role.smm, 0);
}

static void test_one_role(void **state)
{
	/* TDP of 5.10: level 4, direct, 8-byte guest PTEs, EFER.NX and CR0.WP of the guest */
	struct km_cpu_role role = {
		.base = km_page_role_decode(&page_5_10, 0x3794),
		.ext = km_ext_role_decode(&ext_5_10, 0xf),
	};

	(void)state;
	assert_int_equal(role.base.level, 4);
	assert_int_equal(role.base.has_4_byte_gpte, 0);
	assert_int_equal(km_page_role_decode(&page_5_10, 0x3784).has_4_byte_gpte, 1);
	/* a kernel with both names has the new meaning in the new one */
	assert_int_equal(km_page_role_decode(&page_7_2, 0x4).has_4_byte_gpte, 0);
	assert_true(km_cpu_role_cr0_pg(&role));
	km_cpu_role_of_one_role(&role, 3);
	assert_int_equal(role.base.level, 3);
	assert_true(km_cpu_role_cr0_pg(&role));
	/* guest_mmu of 5.10, whose CR0.PG and CR4.PAE are those of L2: L1's tables have 4 levels */
	role.base = km_page_role_decode(&page_5_10, 0x704);
	role.ext = km_ext_role_decode(&ext_5_10, 0x1);
	assert_int_equal(role.base.has_4_byte_gpte, 1);
	km_cpu_role_of_one_role(&role, 4);
	assert_int_equal(role.base.level, 4);
	assert_int_equal(role.base.has_4_byte_gpte, 0);
	/* two levels: entries of 4 bytes stay as they are; three: PAE */
	for (uint8_t level = 2; level <= 3; level++) {
		role.base.has_4_byte_gpte = 1;
		km_cpu_role_of_one_role(&role, level);
		assert_int_equal(role.base.has_4_byte_gpte, level == 2);
	}
	/* without paging, the level of the shadow pages says nothing about the guest */
	role.base.level = 4;
	role.ext = km_ext_role_decode(&ext_5_10, 0x9);
	km_cpu_role_of_one_role(&role, 0);
	assert_false(km_cpu_role_cr0_pg(&role));
}

static void test_damaged_layouts_have_no_field(void **state)
{
	static const struct km_bitfield damaged[] = {
		{0, 0}, {31, 0}, {32, 1}, {255, 1}, {31, 2}, {25, 8}, {0, 33}, {200, 100}, {0, 255},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(damaged); i++) {
		struct km_page_role_layout layout = {.level = damaged[i]};

		assert_int_equal(km_page_role_decode(&layout, UINT32_MAX).level, 0);
	}
	/* Neither says how large the guest's entries are: 8 bytes, the usual. */
	assert_int_equal(km_page_role_decode(&(struct km_page_role_layout){.level = {0, 4}}, 0x4)
				 .has_4_byte_gpte,
			 0);
	/* The largest ones that fit. */
	assert_int_equal(
		km_page_role_decode(&(struct km_page_role_layout){.smm = {24, 8}}, 0xab123456).smm,
		0xab);
	assert_int_equal(
		km_page_role_decode(&(struct km_page_role_layout){.smm = {0, 32}}, 0x123456ab).smm,
		0xab);
}

static void append(void *ctx, const char *name, unsigned value)
{
	size_t len = strlen(ctx);

	snprintf((char *)ctx + len, 1024 - len, "%s=%u ", name, value);
}

static void test_printed_in_bit_order(void **state)
{
	char text[1024] = "";

	(void)state;
	km_page_role_spell(&page_7_2, 0x5a1a6f84, append, text);
	assert_string_equal(text, "level=4 has_4_byte_gpte=0 quadrant=0 direct=1 access=15 "
				  "invalid=0 efer_nx=1 cr0_wp=1 smap_andnot_wp=0 ad_disabled=0 "
				  "guest_mode=1 passthrough=0 is_mirror=1 cr4_smep=1 smm=90 ");
	text[0] = '\0';
	km_ext_role_spell(&ext_6_1, 0x99, append, text);
	assert_string_equal(text, "valid=1 execonly=0 cr4_pse=0 cr4_pke=1 cr4_smap=1 cr4_smep=0 "
				  "cr4_la57=0 efer_lma=1 ");
	text[0] = '\0';
	km_ext_role_spell(&ext_top, 0x80000000, append, text);
	assert_string_equal(text, "valid=0 has_pferr_fetch=1 ");
	text[0] = '\0';
	km_page_role_spell(&(struct km_page_role_layout){.level = {31, 2}, .smm = {0, 32}},
			   0xffffffff, append, text);
	assert_string_equal(text, "smm=4294967295 ");
}

static void test_helpers(void **state)
{
	struct km_cpu_role none = {0}, base = {.base.cr4_smep = 1}, ext = {.ext.cr4_smep = 1};

	(void)state;
	assert_false(km_cpu_role_cr4_smep(&none));
	assert_true(km_cpu_role_cr4_smep(&base));
	assert_true(km_cpu_role_cr4_smep(&ext));
	assert_false(km_cpu_role_cr0_pg(&none));
	for (uint8_t level = 1; level <= 5; level++)
		assert_true(km_cpu_role_cr0_pg(&(struct km_cpu_role){.base.level = level}));
}

static void test_protection_keys_need_long_mode(void **state)
{
	struct km_cpu_role role = {.base.level = 4, .ext.cr4_pke = 1};

	(void)state;
	assert_true(km_cpu_role_cr4_pke(&role, true));
	assert_true(km_cpu_role_cr4_pke(&role, false));
	/* 5.10: CR4.PKE of a guest with PAE paging */
	role.base.level = 3;
	assert_true(km_cpu_role_cr4_pke(&role, true));
	assert_false(km_cpu_role_cr4_pke(&role, false));
	role = (struct km_cpu_role){.base.level = 5};
	assert_false(km_cpu_role_cr4_pke(&role, true));
	assert_false(km_cpu_role_cr4_pke(&role, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_field_has_its_bits),
		cmocka_unit_test(test_real_words),
		cmocka_unit_test(test_one_role),
		cmocka_unit_test(test_damaged_layouts_have_no_field),
		cmocka_unit_test(test_printed_in_bit_order),
		cmocka_unit_test(test_helpers),
		cmocka_unit_test(test_protection_keys_need_long_mode),
	};

	return cmocka_run_group_tests_name("role", tests, NULL, NULL);
}
