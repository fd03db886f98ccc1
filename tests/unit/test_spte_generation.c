// SPDX-License-Identifier: GPL-2.0-or-later
/* SPTEs of unknown kernels: which generation wrote them, and which are illegal. */
#include "cm.h"

#include "rules/spte_check.h"
#include "rules/spte_generation.h"

#include <string.h>

#define B(n) (1ULL << (n))

/* Entries of real hosts, and the generation that wrote them. */
static void test_real_entries(void **state)
{
	static const struct {
		enum km_paging paging;
		uint64_t spte;
		int level;
		enum km_spte_generation generation;
	} entries[] = {
		/* host- and MMU-writable in bits 57 and 58, without suppress #VE */
		{KM_PAGING_EPT, 0x6000001c6e00b77, 1, KM_SPTE_6_1},
		{KM_PAGING_EPT, 0x61000034d40e877, 1, KM_SPTE_6_1},
		{KM_PAGING_EPT, 0x750000103728870, 1, KM_SPTE_6_1}, /* access-tracked */
		{KM_PAGING_EPT, B(63) | 0x6000001c6e00b77, 1, KM_SPTE_6_12},
		{KM_PAGING_EPT, 0x90a0000003a00f75, 1, KM_SPTE_7_2},
		{KM_PAGING_EPT, 0x9000000000b53c07, 4, KM_SPTE_7_2},
		{KM_PAGING_EPT, 0x5a0, 1, KM_SPTE_6_1},
		{KM_PAGING_EPT, B(63) | 0x5a0, 1, KM_SPTE_6_12},
		{KM_PAGING_EPT, B(63) | 0x1a0, 1, KM_SPTE_7_2},
		/* without the MMU-present bit */
		{KM_PAGING_EPT, 0x84c236107, 4, KM_SPTE_5_10},
		{KM_PAGING_NPT, 0x8aa3a9d027, 4, KM_SPTE_5_10},
		{KM_PAGING_NPT, 0x8be2171025, 1, KM_SPTE_5_10},
		/* bits 10 and 11 are host- and MMU-writable */
		{KM_PAGING_EPT, 0x1000005d48fc76, 1, KM_SPTE_5_10},
		{KM_PAGING_NPT, 0x12345c67, 1, KM_SPTE_5_10},
		{KM_PAGING_EPT, B(62) | 0x5d48fc77, 1, KM_SPTE_4_18}, /* A/D bits disabled */
		/* the same in several generations: the newest */
		{KM_PAGING_NPT, 0xd6bee65, 1, KM_SPTE_7_2},
		{KM_PAGING_NPT, 0, 1, KM_SPTE_7_2},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		enum km_spte_generation found;

		assert_true(km_spte_find_generation(entries[i].paging, entries[i].spte,
						    entries[i].level, &found));
		assert_int_equal(found, entries[i].generation);
	}
}

static void test_why_not(void **state)
{
	enum km_spte_generation found;
	char why[160];

	(void)state;
	assert_false(
		km_spte_fits(KM_PAGING_EPT, KM_SPTE_7_2, 0x6000001c6e00b77, 1, why, sizeof(why)));
	assert_string_equal(why, "never sets bits 57 and 58");
	assert_false(
		km_spte_fits(KM_PAGING_EPT, KM_SPTE_6_12, 0x6000001c6e00b77, 1, why, sizeof(why)));
	assert_string_equal(why, "always sets bit 63 (suppress #VE)");
	assert_false(km_spte_fits(KM_PAGING_NPT, KM_SPTE_6_1, 0x8aa3a9d027, 4, why, sizeof(why)));
	assert_string_equal(why, "always sets bit 11 (MMU-present)");
	assert_false(km_spte_fits(KM_PAGING_EPT, KM_SPTE_7_2, 0x5a0, 1, why, sizeof(why)));
	assert_string_equal(why, "uses 0x80000000000001a0 for frozen SPTEs");
	/* every generation sets MMU-writable if it sets W */
	assert_false(km_spte_fits(KM_PAGING_NPT, KM_SPTE_7_2, 0x12345867, 1, why, sizeof(why)));
	assert_string_equal(why, "does not set W without MMU-writable");
	/* KVM's x86 entries have no memory type */
	assert_false(
		km_spte_fits(KM_PAGING_NPT, KM_SPTE_7_2, 0xd6bee65 | B(3), 1, why, sizeof(why)));
	assert_string_equal(why, "never sets bit 3");
	assert_false(
		km_spte_fits(KM_PAGING_SHADOW, KM_SPTE_6_1, 0xd6bee65 | B(4), 1, why, sizeof(why)));
	assert_string_equal(why, "never sets bit 4");
	/* 9 is a bit of nobody in a table entry */
	assert_false(km_spte_find_generation(KM_PAGING_EPT, B(51) | 0x200, 4, &found));
}

/* What KVM writes fits the generation whose masks it has. */
static void test_own_entries_fit(void **state)
{
	(void)state;
	for (int gen = 0; gen < KM_SPTE_GENERATIONS; gen++) {
		for (int paging = KM_PAGING_EPT; paging <= KM_PAGING_SHADOW; paging++) {
			struct km_spte_masks m = km_spte_default_masks(paging, gen);
			uint64_t x = m.x | m.xu, leaf, mmio;

			leaf = 0x1234000 | m.layout->mmu_present_mask | m.present | m.user | x |
			       m.accessed | m.dirty | m.host_writable | m.mmu_writable | 2;
			mmio = 0xfec00000 | m.mmio_value | B(m.layout->mmio_gen_low_start);
			assert_true(km_spte_fits(paging, gen, leaf, 1, NULL, 0));
			assert_true(km_spte_fits(paging, gen, leaf & ~m.mmu_writable & ~2ULL, 1,
						 NULL, 0));
			assert_true(km_spte_fits(paging, gen, mmio, 1, NULL, 0));
			assert_int_equal(km_spte_decode(&m, leaf, 1).kind, KM_SPTE_PRESENT);
			assert_int_equal(km_spte_decode(&m, mmio, 1).kind, KM_SPTE_MMIO);
		}
	}
}

/* Kernels before 5.13. */
static void test_without_mmu_present_bit(void **state)
{
	struct km_spte_masks ept = km_spte_default_masks(KM_PAGING_EPT, KM_SPTE_5_10);
	struct km_spte_masks npt = km_spte_default_masks(KM_PAGING_NPT, KM_SPTE_5_10);
	struct km_spte_masks old = km_spte_default_masks(KM_PAGING_EPT, KM_SPTE_4_18);
	struct km_spte spte = km_spte_decode(&ept, 0x84c236107, 4);

	(void)state;
	assert_int_equal(spte.kind, KM_SPTE_PRESENT);
	assert_false(spte.leaf);
	assert_true(spte.r && spte.w && spte.x && spte.accessed);
	spte = km_spte_decode(&npt, 0x8be2171025, 1);
	assert_int_equal(spte.kind, KM_SPTE_PRESENT);
	assert_true(spte.leaf && spte.r && spte.u && spte.x && !spte.w && !spte.host_writable);
	spte = km_spte_decode(&npt, 0x12345c67, 1);
	assert_true(spte.w && spte.host_writable && spte.mmu_writable);
	/* MMIO: bits 52 and 53, whatever else; generation in 3 to 11 and 54 to 62 */
	spte = km_spte_decode(&ept, 3 * B(52) | B(54) | 0xfec00000 | B(11) | B(3) | 6, 1);
	assert_int_equal(spte.kind, KM_SPTE_MMIO);
	assert_int_equal(spte.mmio_gfn, 0xfec00);
	assert_int_equal(spte.mmio_generation, 1 | 1 << 8 | 1 << 9);
	assert_int_equal(km_mmio_spte_gen_mask(&ept), (1 << 18) - 1);
	/* 4.18 has bit 62 for both MMIO and A/D bits, and does not store bit 0 of the generation */
	spte = km_spte_decode(&old, B(62) | B(52) | 0xfec00000 | B(3) | 6, 1);
	assert_int_equal(spte.kind, KM_SPTE_MMIO);
	assert_int_equal(spte.mmio_generation, 1 << 1 | 1 << 10);
	spte = km_spte_decode(&old, B(62) | B(52) | B(54) | 0x1234c38, 1);
	assert_int_equal(spte.kind, KM_SPTE_PRESENT);
	assert_int_equal(spte.ad, KM_AD_DISABLED);
	assert_true(spte.access_tracked);
	assert_true(spte.restored == (B(62) | 0x1234c3d));
	/* 5.12's removed SPTE, and nothing at all */
	assert_int_equal(km_spte_decode(&ept, B(59), 1).kind, KM_SPTE_FROZEN);
	assert_int_equal(km_spte_decode(&ept, 0, 1).kind, KM_SPTE_EMPTY);
}

static void test_without_ad_bits(void **state)
{
	struct km_spte_masks masks = km_spte_default_masks(KM_PAGING_EPT, KM_SPTE_6_12);

	(void)state;
	km_spte_masks_without_ad(&masks);
	assert_false(masks.ad_enabled);
	assert_int_equal(masks.accessed | masks.dirty, 0);
	masks = km_spte_default_masks(KM_PAGING_EPT, KM_SPTE_7_2);
	km_spte_masks_without_ad(&masks);
	assert_false(masks.ad_enabled);
	assert_int_equal(masks.accessed, 0x100);
}

static void test_illegal(void **state)
{
	struct km_spte_masks ept = km_spte_default_masks(KM_PAGING_EPT, KM_SPTE_6_1);
	struct km_spte_masks npt = km_spte_default_masks(KM_PAGING_NPT, KM_SPTE_6_1);
	struct km_rsvd_bits rsvd = {.rsvd_bits_mask[0][0] = B(45)};
	char why[160];

	(void)state;
#define ILLEGAL(masks, rsvd, spte, level, text)                                                    \
	assert_true(km_spte_is_illegal(masks, rsvd, spte, level, why, sizeof(why)));               \
	assert_non_null(strstr(why, text))
#define LEGAL(masks, rsvd, spte, level)                                                            \
	assert_false(km_spte_is_illegal(masks, rsvd, spte, level, why, sizeof(why)))
	ILLEGAL(&ept, NULL, 0x1000005d48fc76, 1, "W without R (bits 2:0 = 110b)");
	ILLEGAL(&ept, NULL, 0x5d48f832, 1, "W without R (bits 2:0 = 010b)");
	ILLEGAL(&ept, NULL, 0x5d48f817, 1, "memory type 2");
	ILLEGAL(&ept, NULL, 0x5d48f81f, 1, "memory type 3");
	ILLEGAL(&ept, NULL, 0x5d48f83f, 1, "memory type 7");
	LEGAL(&ept, NULL, 0x5d48f837, 1);
	LEGAL(&ept, NULL, 0x5d48f834, 1); /* execute-only */
	LEGAL(&ept, NULL, 0x5d48f808, 1); /* not present */
	LEGAL(&ept, NULL, 0x84c236107, 4);
	ILLEGAL(&ept, NULL, 0x84c236127, 4, "reserved bits 0x20");
	ILLEGAL(&ept, NULL, 0x84c236187, 4, "reserved bits 0x80");
	ILLEGAL(&ept, NULL, 0x84c2368b7, 2, "reserved bits 0x36000");
	LEGAL(&ept, NULL, 0x84c2008b7, 2);
	ILLEGAL(&npt, NULL, 0xd19cee5, 2, "RSVD");
	LEGAL(&npt, NULL, 0xd001ee5, 2); /* bit 12 is PAT */
	/* with KVM's own masks: bits beyond MAXPHYADDR */
	ILLEGAL(&npt, &rsvd, B(45) | 0xd19c865, 1, "0x200000000000");
	LEGAL(&npt, NULL, B(45) | 0xd19c865, 1);
	npt.me_mask = B(45);
	LEGAL(&npt, &rsvd, B(45) | 0xd19c865, 1);
#undef LEGAL
#undef ILLEGAL
	npt.me_mask = 0;
	assert_int_equal(km_spte_address_bits(&npt, 0xfffffc4465825), 52);
	assert_int_equal(km_spte_address_bits(&npt, 0x1825), 13);
	assert_int_equal(km_spte_address_bits(&npt, 0x25), 0);
}

/* With the masks of a dump: those that the default masks do not have. */
static void test_foreign_bits(void **state)
{
	struct km_spte_masks m = km_spte_default_masks(KM_PAGING_EPT, KM_SPTE_6_1);
	uint64_t leaf = 0x6000001c6e00b77, tracked = 0x750000103728870, missing = 1;

	(void)state;
	assert_int_equal(km_spte_foreign_bits(&m, leaf, 1, &missing), 0);
	assert_int_equal(missing, 0);
	/* without execute-only EPT, shadow_present_mask is R, which access tracking takes away */
	m.present = 1;
	assert_int_equal(km_spte_foreign_bits(&m, leaf & ~1ULL, 1, &missing), 0);
	assert_int_equal(missing, 1);
	assert_int_equal(km_spte_foreign_bits(&m, tracked, 1, &missing), 0);
	assert_int_equal(missing, 0);
	/* an entry that points to a table has all permissions, tracked or not */
	assert_int_equal(km_spte_foreign_bits(&m, B(52) | B(11) | 0x5000, 2, &missing), 0);
	assert_int_equal(missing, 7);
	/* the encryption bit is no address bit of the host's */
	m.base_addr_mask &= ~B(47);
	assert_int_equal(km_spte_foreign_bits(&m, leaf | B(47), 1, &missing), B(47));
	m.me_mask = B(47);
	assert_int_equal(km_spte_foreign_bits(&m, leaf | B(47), 1, &missing), 0);
	assert_int_equal(km_spte_foreign_bits(&m, leaf | B(62) | B(60), 1, &missing),
			 B(62) | B(60));
}

static void test_l1tf(void **state)
{
	struct km_spte_masks masks = km_spte_default_masks(KM_PAGING_EPT, KM_SPTE_6_1);
	uint64_t mmio = 0x1fULL << 41 | 0xfec00000 | 6;

	(void)state;
	assert_int_equal(km_mmio_spte_l1tf_bits(&masks, mmio), 46);
	assert_int_equal(km_mmio_spte_l1tf_bits(&masks, 0x1fULL << 39 | 0xfec00000 | 6), 44);
	assert_int_equal(km_mmio_spte_l1tf_bits(&masks, 0xfec00006), 0);
	assert_int_equal(km_mmio_spte_l1tf_bits(&masks, mmio | 0x801), 0); /* present */
	km_spte_masks_with_l1tf(&masks, 46);
	assert_int_equal(km_get_mmio_spte_gfn(&masks, mmio), 0xfec00);
	/* bit 42 of the GPA is in bit 47 */
	assert_true(km_get_mmio_spte_gfn(&masks, mmio | B(47)) == (0xfec00 | B(42 - 12)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real_entries),
		cmocka_unit_test(test_why_not),
		cmocka_unit_test(test_own_entries_fit),
		cmocka_unit_test(test_without_mmu_present_bit),
		cmocka_unit_test(test_without_ad_bits),
		cmocka_unit_test(test_illegal),
		cmocka_unit_test(test_foreign_bits),
		cmocka_unit_test(test_l1tf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
