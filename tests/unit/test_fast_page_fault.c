// SPDX-License-Identifier: GPL-2.0-or-later
/* The fast path on typical SPTEs; tests/oracle compares it with the kernel's own function. */
#include "cm.h"
#include "rules/fast_page_fault.h"

#include <string.h>

#define P PFERR_PRESENT_MASK
#define W PFERR_WRITE_MASK
#define U PFERR_USER_MASK
#define F PFERR_FETCH_MASK

/* NPT, 7.2: present, user, A, D, MMU-present, host- and MMU-writable; without W. */
#define NPT_LOGGED   0xda42e65ULL
#define NPT_READONLY (NPT_LOGGED & ~0x600ULL)

static struct km_fast_page_fault_in npt(enum km_spte_generation generation)
{
	static struct km_spte_masks masks;

	masks = km_spte_default_masks(KM_PAGING_NPT, generation);
	return (struct km_fast_page_fault_in){
		.masks = &masks,
		.error_code = P | W | U,
		.spte = NPT_LOGGED,
		.level = PG_LEVEL_4K,
	};
}

static void assert_outcome(const struct km_fast_page_fault_in *in, enum km_fast_step step,
			   enum km_ret_pf ret, uint64_t new_spte)
{
	struct km_fast_page_fault out = km_fast_page_fault(in);

	assert_string_equal(km_fast_step_text(out.step), km_fast_step_text(step));
	assert_int_equal(out.ret, ret);
	assert_int_equal(out.new_spte, new_spte);
	assert_int_equal(out.tried, step > KM_FAST_NOT_WRITE);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(km_ret_pf_name(KM_RET_PF_CONTINUE), "RET_PF_CONTINUE");
	assert_string_equal(km_ret_pf_name(KM_RET_PF_RETRY), "RET_PF_RETRY");
	assert_string_equal(km_ret_pf_name(KM_RET_PF_SPURIOUS), "RET_PF_SPURIOUS");
	assert_string_equal(km_ret_pf_name(KM_RET_PF_UNKNOWN), "not known");
}

static void test_write_to_a_logged_page_is_fixed(void **state)
{
	struct km_fast_page_fault_in in = npt(KM_SPTE_7_2);

	(void)state;
	assert_outcome(&in, KM_FAST_FIXED, KM_RET_PF_FIXED, NPT_LOGGED | 2);
	in.spte |= 2;
	assert_outcome(&in, KM_FAST_ALLOWED, KM_RET_PF_SPURIOUS, in.spte);
	in.spte = NPT_READONLY;
	assert_outcome(&in, KM_FAST_UNCHANGED, KM_RET_PF_INVALID, in.spte);
}

static void test_not_tried(void **state)
{
	struct km_fast_page_fault_in in = npt(KM_SPTE_7_2);

	(void)state;
	in.error_code = P | U;
	assert_outcome(&in, KM_FAST_NOT_WRITE, KM_RET_PF_INVALID, in.spte);
	in.error_code = W | U;
	assert_outcome(&in, KM_FAST_NOT_PRESENT, KM_RET_PF_INVALID, in.spte);
	in.error_code = P | W | PFERR_RSVD_MASK;
	assert_outcome(&in, KM_FAST_RSVD, KM_RET_PF_INVALID, in.spte);
	in.error_code = P | W;
	in.private_mismatch = true;
	assert_outcome(&in, KM_FAST_PRIVATE_MISMATCH, KM_RET_PF_INVALID, in.spte);
}

static void test_huge_page_in_a_logged_slot(void **state)
{
	struct km_fast_page_fault_in in = npt(KM_SPTE_7_2);

	(void)state;
	in.level = PG_LEVEL_2M;
	assert_outcome(&in, KM_FAST_NO_LEAF, KM_RET_PF_INVALID, in.spte);
	in.spte |= 0x80;
	assert_outcome(&in, KM_FAST_FIXED, KM_RET_PF_FIXED, in.spte | 2);
	in.dirty_logged = true;
	assert_outcome(&in, KM_FAST_DIRTY_LOG_HUGE, KM_RET_PF_INVALID, in.spte);
	in.spte = 1ULL << 63;
	assert_outcome(&in, KM_FAST_NO_SPTE, KM_RET_PF_INVALID, in.spte);
}

/* The loop of 7.3: a zeroed table permits everything. */
static void test_a_zeroed_table_permits_all(void **state)
{
	static const uint16_t zeroed[KM_PERM_WORDS];
	struct km_perm_inputs role =
		km_spte_perm_inputs(KM_ACC_RWUX, &(struct km_page_role){0}, true, false);
	uint16_t words[KM_PERM_WORDS];
	struct km_fast_page_fault_in in = npt(KM_SPTE_7_2);

	(void)state;
	km_update_permission_bitmask(&role, words);
	in.words = words;
	assert_outcome(&in, KM_FAST_FIXED, KM_RET_PF_FIXED, NPT_LOGGED | 2);
	in.words = zeroed;
	assert_outcome(&in, KM_FAST_ALLOWED, KM_RET_PF_SPURIOUS, NPT_LOGGED);
	/* in the version posted first, an error code may index past it */
	in.form = KM_SPF_V1;
	in.error_code |= PFERR_PK_MASK;
	assert_outcome(&in, KM_FAST_OUT_OF_RANGE, KM_RET_PF_UNKNOWN, NPT_LOGGED);
}

/* A table that denies the fixed SPTE: left to the slow path. */
static void test_still_denied(void **state)
{
	uint16_t words[KM_PERM_WORDS];
	struct km_fast_page_fault_in in = npt(KM_SPTE_7_2);

	(void)state;
	memset(words, 0xff, sizeof(words));
	in.words = words;
	assert_outcome(&in, KM_FAST_STILL_DENIED, KM_RET_PF_INVALID, NPT_LOGGED);
}

/* EPT without A/D bits: a non-present fault may be access tracking. */
static void test_access_tracking_is_reverted(void **state)
{
	struct km_spte_masks masks = km_spte_default_masks(KM_PAGING_EPT, KM_SPTE_7_2);
	/* A/D type "disabled", MMU-present, R and X saved at bit 52 */
	uint64_t tracked = 1ULL << 60 | 5ULL << 52 | 0xb77830;
	struct km_fast_page_fault_in in = {
		.masks = &masks,
		.error_code = U,
		.spte = tracked,
		.level = PG_LEVEL_4K,
	};

	(void)state;
	assert_outcome(&in, KM_FAST_NOT_PRESENT, KM_RET_PF_INVALID, tracked);
	masks.ad_enabled = false;
	assert_outcome(&in, KM_FAST_FIXED, KM_RET_PF_FIXED, 1ULL << 60 | 0xb77835 | masks.accessed);
	/* a write needs W, which is set only if the SPTE is MMU-writable */
	in.error_code = W | U;
	assert_outcome(&in, KM_FAST_STILL_DENIED, KM_RET_PF_INVALID, tracked);
	in.spte |= masks.mmu_writable;
	/* bit 55 is MMU-writable, not a saved bit */
	assert_outcome(&in, KM_FAST_FIXED, KM_RET_PF_FIXED,
		       1ULL << 60 | masks.mmu_writable | 0xb77837 | masks.accessed);
	/* 6.1 saves at bit 54 and does not set Accessed */
	masks = km_spte_default_masks(KM_PAGING_EPT, KM_SPTE_6_1);
	masks.ad_enabled = false;
	masks.accessed = masks.dirty = 0;
	in.error_code = U;
	in.spte = 1ULL << 52 | 5ULL << 54 | 0xb77830;
	assert_outcome(&in, KM_FAST_FIXED, KM_RET_PF_FIXED, 1ULL << 52 | 0xb77835);
}

/* 5.10: other bits, and rules of its own. */
static void test_before_the_present_bit(void **state)
{
	struct km_fast_page_fault_in in = npt(KM_SPTE_5_10);

	(void)state;
	in.spte = 0xda42c65;
	assert_outcome(&in, KM_FAST_FIXED, KM_RET_PF_FIXED, 0xda42c67);
	in.spte &= ~(1ULL << 10); /* MMU-writable, and not host-writable */
	assert_outcome(&in, KM_FAST_UNCHANGED, KM_RET_PF_INVALID, in.spte);
	/* any huge page, whether or not its slot is dirty-logged */
	in.spte = 0xda00ce5;
	in.level = PG_LEVEL_2M;
	assert_outcome(&in, KM_FAST_HUGE, KM_RET_PF_INVALID, in.spte);
	/* the last SPTE is not present: there is nothing that could be changed */
	in.level = PG_LEVEL_4K;
	in.spte = 0;
	assert_outcome(&in, KM_FAST_UNCHANGED, KM_RET_PF_INVALID, 0);
	in.error_code = P | F | W;
	assert_outcome(&in, KM_FAST_NOT_WRITE, KM_RET_PF_INVALID, 0);
	in.error_code = U;
	assert_outcome(&in, KM_FAST_NOT_PRESENT, KM_RET_PF_INVALID, 0);
	in.error_code = P | U;
	assert_outcome(&in, KM_FAST_NOT_WRITE, KM_RET_PF_INVALID, 0);
	in.error_code = P | W | PFERR_RSVD_MASK;
	assert_outcome(&in, KM_FAST_RSVD, KM_RET_PF_INVALID, 0);
}

/* With EPT, which can track accesses, 5.10 tries any fault; the SPTE's page table may have no A/D
 * bits. */
static void test_access_tracking_before_the_present_bit(void **state)
{
	struct km_spte_masks masks = km_spte_default_masks(KM_PAGING_EPT, KM_SPTE_5_10);
	struct km_fast_page_fault_in in = {.masks = &masks, .error_code = U, .level = PG_LEVEL_4K};

	(void)state;
	assert_true(masks.ad_enabled);
	in.spte = 1ULL << 52 | 5ULL << 54 | 0xb77030;
	assert_outcome(&in, KM_FAST_FIXED, KM_RET_PF_FIXED, 1ULL << 52 | 0xb77035);
	in.spte = 0xb77135;
	assert_outcome(&in, KM_FAST_ALLOWED, KM_RET_PF_SPURIOUS, in.spte);
	in.error_code = P | U;
	assert_outcome(&in, KM_FAST_ALLOWED, KM_RET_PF_SPURIOUS, in.spte);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_write_to_a_logged_page_is_fixed),
		cmocka_unit_test(test_not_tried),
		cmocka_unit_test(test_huge_page_in_a_logged_slot),
		cmocka_unit_test(test_a_zeroed_table_permits_all),
		cmocka_unit_test(test_still_denied),
		cmocka_unit_test(test_access_tracking_is_reverted),
		cmocka_unit_test(test_before_the_present_bit),
		cmocka_unit_test(test_access_tracking_before_the_present_bit),
	};

	return cmocka_run_group_tests_name("fast_page_fault", tests, NULL, NULL);
}
