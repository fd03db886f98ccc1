// SPDX-License-Identifier: GPL-2.0-or-later
#include "cm.h"

#include "kernel/orc.h"

#include <string.h>

/* The entry of a first instruction, SP + 8, as encoded by 6.1, by 7.3, and by one in between. */
static const struct km_orc_raw first_6_1 = {8, 0, 0x005}, first_7_3 = {8, 0, 0x203},
			       between = {8, 0, 0x205};

struct words {
	uint64_t base;
	uint64_t at[64];
};

static bool word(void *arg, uint64_t addr, uint64_t *value)
{
	const struct words *w = arg;

	if (addr < w->base || addr % 8 || (addr - w->base) / 8 >= 64)
		return false;
	*value = w->at[(addr - w->base) / 8];
	return true;
}

static struct km_orc decoded(const struct km_orc_raw *first, int16_t sp, int16_t bp, uint16_t bits)
{
	struct km_orc_raw raw = {sp, bp, bits};
	struct km_orc_codes codes;
	struct km_orc orc;

	assert_true(km_orc_codes_find(first, &codes));
	assert_true(km_orc_decode(&codes, &raw, &orc));
	return orc;
}

static void test_codes(void **state)
{
	static const struct km_orc_raw others[] = {
		{16, 0, 0x203}, {8, 0, 0x103}, {8, 0, 0x204}, {-1, -1, 0xffff}, {0, 0, 0}};
	struct km_orc_codes codes;

	(void)state;
	assert_true(km_orc_codes_find(&first_6_1, &codes));
	assert_int_equal(codes.sp, 5);
	assert_int_equal(codes.prev_sp, 1);
	assert_false(codes.end_of_stack);
	assert_true(km_orc_codes_find(&first_7_3, &codes));
	assert_int_equal(codes.sp, 3);
	assert_int_equal(codes.prev_sp, 8);
	assert_int_equal(codes.bp_indirect, 10);
	assert_true(codes.end_of_stack);
	assert_true(km_orc_codes_find(&between, &codes));
	assert_int_equal(codes.sp, 5);
	assert_true(codes.end_of_stack);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(km_orc_codes_find(&others[i], &codes));
}

static void test_decoding(void **state)
{
	struct km_orc orc = decoded(&first_6_1, 16, -16, 0x014);
	struct km_orc_raw raw = {0, 0, 0x503};
	struct km_orc_codes codes;

	(void)state;
	assert_int_equal(orc.sp_reg, KM_ORC_BP);
	assert_int_equal(orc.bp_reg, KM_ORC_PREV_SP);
	assert_int_equal(orc.type, KM_ORC_CALL);
	assert_int_equal(orc.bp_offset, -16);
	/* types: two bits and "end" in 6.1, three bits in 7.3 */
	assert_int_equal(decoded(&first_6_1, 0, 0, 0x105).type, KM_ORC_REGS);
	assert_int_equal(decoded(&first_6_1, 0, 0, 0x205).type, KM_ORC_REGS_PARTIAL);
	assert_int_equal(decoded(&first_6_1, 0, 0, 0x400).type, KM_ORC_END);
	assert_int_equal(decoded(&first_6_1, 0, 0, 0x800).type, KM_ORC_END); /* 6.3 */
	/* the entry that objtool writes without information is not an end */
	assert_int_equal(decoded(&first_6_1, 0, 0, 0x000).type, KM_ORC_NOTHING);
	assert_int_equal(decoded(&first_7_3, 0, 0, 0x200).type, KM_ORC_NOTHING);
	assert_int_equal(decoded(&first_7_3, 0, 0, 0x000).type, KM_ORC_NOTHING);
	assert_int_equal(decoded(&first_7_3, 0, 0, 0x100).type, KM_ORC_END);
	assert_int_equal(decoded(&first_7_3, 0, 0, 0x303).type, KM_ORC_REGS);
	assert_int_equal(decoded(&first_7_3, 0, 0, 0xc03).type, KM_ORC_REGS_PARTIAL);
	assert_int_equal(decoded(&first_7_3, 8, 0, 0x20a).sp_reg, KM_ORC_BP_INDIRECT);
	assert_int_equal(decoded(&first_7_3, 8, 0, 0x209).sp_reg, KM_ORC_SP_INDIRECT);
	assert_int_equal(decoded(&first_7_3, 8, 0, 0x206).sp_reg, KM_ORC_OTHER);
	assert_true(km_orc_codes_find(&first_7_3, &codes));
	assert_false(km_orc_decode(&codes, &raw, &orc));
}

static void test_calls(void **state)
{
	struct words w = {.base = 0x1000};
	struct km_orc orc = decoded(&first_7_3, 24, -16, 0x283);
	struct km_unwind u = {.ip = 1, .sp = 0x1000, .exact = true};

	(void)state;
	w.at[1] = 0x77; /* bp, at CFA - 16 */
	w.at[2] = 0x4242;
	assert_int_equal(km_orc_unwind(&orc, word, &w, &u), KM_UNWOUND);
	assert_int_equal(u.ip, 0x4242);
	assert_int_equal(u.slot, 0x1010);
	assert_int_equal(u.sp, 0x1018);
	assert_true(u.bp_known);
	assert_int_equal(u.bp, 0x77);
	assert_false(u.exact);

	/* relative to bp: only if bp is known */
	orc = decoded(&first_7_3, 16, 0, 0x204);
	u = (struct km_unwind){.ip = 1, .sp = 0x1000, .bp = 0x1008, .bp_known = true};
	assert_int_equal(km_orc_unwind(&orc, word, &w, &u), KM_UNWOUND);
	assert_int_equal(u.slot, 0x1010);
	assert_int_equal(u.bp, 0x1008);
	u = (struct km_unwind){.ip = 1, .sp = 0x1000, .bp = 0x1008};
	assert_int_equal(km_orc_unwind(&orc, word, &w, &u), KM_UNWOUND_LOST);

	/* a switch of stacks: a word contains the address of the old one */
	orc = decoded(&first_7_3, 8, 0, 0x209);
	u = (struct km_unwind){.ip = 1, .sp = 0x1020};
	w.at[4] = 0x1008;
	assert_int_equal(km_orc_unwind(&orc, word, &w, &u), KM_UNWOUND);
	assert_int_equal(u.sp, 0x1010);
	orc = decoded(&first_7_3, 0x18, 0, 0x20a);
	u = (struct km_unwind){.ip = 1, .sp = 0x1000, .bp = 0x1008, .bp_known = true};
	assert_int_equal(km_orc_unwind(&orc, word, &w, &u), KM_UNWOUND);
	assert_int_equal(u.sp, 0x1008);

	/* downwards, outside the stack, relative to an unknown register */
	orc = decoded(&first_7_3, 8, 0, 0x204);
	u = (struct km_unwind){.ip = 1, .sp = 0x1018, .bp = 0x1008, .bp_known = true};
	assert_int_equal(km_orc_unwind(&orc, word, &w, &u), KM_UNWOUND_LOST);
	orc = decoded(&first_7_3, 0x400, 0, 0x203);
	u = (struct km_unwind){.ip = 1, .sp = 0x1000};
	assert_int_equal(km_orc_unwind(&orc, word, &w, &u), KM_UNWOUND_LOST);
	orc = decoded(&first_7_3, 8, 0, 0x206);
	u = (struct km_unwind){.ip = 1, .sp = 0x1000};
	assert_int_equal(km_orc_unwind(&orc, word, &w, &u), KM_UNWOUND_LOST);
}

static void test_interrupts(void **state)
{
	struct words w = {.base = 0x1000};
	struct km_orc orc = decoded(&first_7_3, 8, 0, 0x303);
	struct km_unwind u = {.ip = 1, .sp = 0x1000};

	(void)state;
	/* pt_regs at 0x1008 */
	w.at[1 + 4] = 0xb;
	w.at[1 + 16] = 0x4242;
	w.at[1 + 17] = 0x10;
	w.at[1 + 19] = 0x900; /* another stack, below */
	assert_int_equal(km_orc_unwind(&orc, word, &w, &u), KM_UNWOUND);
	assert_int_equal(u.ip, 0x4242);
	assert_int_equal(u.sp, 0x900);
	assert_int_equal(u.slot, 0x1088);
	assert_true(u.exact && u.bp_known);
	assert_int_equal(u.bp, 0xb);
	/* from user space */
	w.at[1 + 17] = 0x33;
	u = (struct km_unwind){.ip = 1, .sp = 0x1000};
	assert_int_equal(km_orc_unwind(&orc, word, &w, &u), KM_UNWOUND_END);
	/* only the frame pushed by the processor */
	orc = decoded(&first_7_3, 0, 0, 0x403);
	w.at[1] = 0x10;
	w.at[0] = 0x4243;
	w.at[3] = 0x1100;
	u = (struct km_unwind){.ip = 1, .sp = 0x1000};
	assert_int_equal(km_orc_unwind(&orc, word, &w, &u), KM_UNWOUND);
	assert_int_equal(u.ip, 0x4243);
	assert_int_equal(u.sp, 0x1100);
	/* the end, and no information */
	orc = decoded(&first_7_3, 0, 0, 0x100);
	assert_int_equal(km_orc_unwind(&orc, word, &w, &u), KM_UNWOUND_END);
	orc = decoded(&first_7_3, 0, 0, 0x000);
	assert_int_equal(km_orc_unwind(&orc, word, &w, &u), KM_UNWOUND_LOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_decoding),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_interrupts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
