// SPDX-License-Identifier: GPL-2.0-or-later
#include "cm.h"
#include "rules/spte.h"

#include <string.h>

#define B(n) (1ULL << (n))
#define PFN  0x123456ULL
#define PA   (PFN << 12)

static struct km_spte_masks masks_of(enum km_paging paging, enum km_spte_generation gen)
{
	return km_spte_default_masks(paging, gen);
}

/* The masks without A/D bits, as with kvm_intel.eptad=0. */
static struct km_spte_masks no_ad_masks(enum km_spte_generation gen)
{
	struct km_spte_masks masks = km_spte_default_masks(KM_PAGING_EPT, gen);

	masks.ad_enabled = false;
	if (gen == KM_SPTE_6_1)
		masks.accessed = masks.dirty = 0;
	return masks;
}

/* The software bits once more, so that a mistake in the layout is found. */
static void test_layouts(void **state)
{
	const struct km_spte_layout *old = &km_spte_layouts[KM_SPTE_6_1];
	const struct km_spte_layout *new = &km_spte_layouts[KM_SPTE_7_2];

	(void)state;
	assert_string_equal(old->name, "6.1");
	assert_string_equal(new->name, "7.2");
	assert_int_equal(old->acc, KM_ACC_UWX);
	assert_int_equal(new->acc, KM_ACC_RWUX);
	assert_int_equal(old->mmu_present_mask, 0x800);
	assert_int_equal(new->mmu_present_mask, 0x800);
	assert_int_equal(old->tdp_ad_shift, 52);
	assert_int_equal(new->tdp_ad_shift, 60);
	assert_int_equal(old->ept_host_writable, B(57));
	assert_int_equal(new->ept_host_writable, B(53));
	assert_int_equal(old->ept_mmu_writable, B(58));
	assert_int_equal(new->ept_mmu_writable, B(55));
	/* R, X at 54, 56; R, X, XU at 52, 54, 62 */
	assert_int_equal(old->acc_track_saved_mask << old->acc_track_saved_shift, B(54) | B(56));
	assert_int_equal(new->acc_track_saved_mask << new->acc_track_saved_shift,
			 B(52) | B(54) | B(62));
	assert_int_equal(old->acc_track_saved_mask, 0x5);
	assert_int_equal(new->acc_track_saved_mask, 0x405);
	assert_int_equal(old->frozen, 0x5a0);
	assert_int_equal(new->frozen, 0x1a0);
	assert_true(old->frozen_any_bit63);
	assert_false(new->frozen_any_bit63);
	assert_false(old->xs_xu);
	assert_true(new->xs_xu);
	assert_false(km_spte_default_masks(KM_PAGING_EPT, KM_SPTE_6_1).accessed_always);
	assert_true(km_spte_default_masks(KM_PAGING_EPT, KM_SPTE_7_2).accessed_always);
}

static void test_names_of_generations(void **state)
{
	static const char *const names[KM_SPTE_GENERATIONS][2] = {
		[KM_SPTE_4_18] = {"4.18", "up to about 5.2"},
		[KM_SPTE_5_10] = {"5.10", "about 5.3 to 5.12"},
		[KM_SPTE_6_1] = {"6.1", "5.13 to 6.9"},
		[KM_SPTE_6_12] = {"6.12", "6.10 to 7.1"},
		[KM_SPTE_7_2] = {"7.2", "7.2 and later"},
	};

	(void)state;
	for (int gen = 0; gen < KM_SPTE_GENERATIONS; gen++) {
		assert_string_equal(km_spte_layouts[gen].name, names[gen][0]);
		assert_string_equal(km_spte_layouts[gen].kernels, names[gen][1]);
	}
}

/* The spte.h of 5.10, and mmu.c of 4.18. */
static void test_layouts_before_the_present_bit(void **state)
{
	const struct km_spte_layout *l4 = &km_spte_layouts[KM_SPTE_4_18];
	const struct km_spte_layout *l5 = &km_spte_layouts[KM_SPTE_5_10];
	struct km_spte_masks m4 = masks_of(KM_PAGING_EPT, KM_SPTE_4_18);
	struct km_spte_masks m5 = masks_of(KM_PAGING_EPT, KM_SPTE_5_10);

	(void)state;
	assert_int_equal(l4->acc, KM_ACC_UWX);
	assert_int_equal(l5->acc, KM_ACC_UWX);
	assert_int_equal(l4->acc_track_saved_shift, 52);
	assert_int_equal(l5->acc_track_saved_shift, 54);
	assert_int_equal(l4->acc_track_saved_mask, 0x5);
	/* SPTE_SPECIAL_MASK is added to shadow_mmio_mask in 4.18 */
	assert_int_equal(m4.mmio_mask, B(62) | 0x7);
	assert_int_equal(m4.mmio_value, B(62) | 0x6);
	/* SPTE_MMIO_MASK, type 3 of bits 52 and 53, is all of it in 5.10 */
	assert_int_equal(m5.mmio_mask, B(52) | B(53));
	assert_int_equal(m5.mmio_value, B(52) | B(53) | 0x6);
	assert_true(km_is_mmio_spte(&m5, B(52) | B(53) | 0xfec00000));
	assert_false(km_is_mmio_spte(&m5, B(52) | 0xfec00006));
	/* REMOVED_SPTE of 5.12 */
	assert_true(km_is_frozen_spte(&m5, B(59)));
	assert_false(km_is_frozen_spte(&m4, B(59)));
	/* 9 and 9 bits; bit 0 of the generation is not stored in 4.18 */
	assert_int_equal(km_get_mmio_spte_generation(&m5, 0xff8), 0x1ff);
	assert_int_equal(km_get_mmio_spte_generation(&m5, B(54)), B(9));
	assert_int_equal(km_get_mmio_spte_generation(&m5, UINT64_MAX), 0x3ffff);
	assert_int_equal(km_get_mmio_spte_generation(&m4, 0x8), 0x2);
	assert_int_equal(km_get_mmio_spte_generation(&m4, B(52)), B(10));
	assert_int_equal(km_get_mmio_spte_generation(&m4, UINT64_MAX), 0xffffe);
}

/* The processor's address bits 45 to 41 are set in SPTEs that are not present. */
static void test_masks_against_l1tf(void **state)
{
	struct km_spte_masks masks = masks_of(KM_PAGING_EPT, KM_SPTE_6_1);

	(void)state;
	km_spte_masks_with_l1tf(&masks, 46);
	assert_int_equal(masks.nonpresent_or_rsvd, 0x3e0000000000);
	assert_int_equal(masks.nonpresent_or_rsvd_lower_gfn, 0x1fffffff000);
}

static void test_masks_without_ad(void **state)
{
	struct km_spte_masks old = masks_of(KM_PAGING_EPT, KM_SPTE_6_12);
	struct km_spte_masks new = masks_of(KM_PAGING_EPT, KM_SPTE_7_2);

	(void)state;
	km_spte_masks_without_ad(&old);
	km_spte_masks_without_ad(&new);
	assert_false(old.ad_enabled || new.ad_enabled);
	assert_int_equal(old.accessed | old.dirty, 0);
	assert_int_equal(new.accessed, 0x100);
	assert_int_equal(new.dirty, 0x200);
}

static void test_default_masks(void **state)
{
	(void)state;
	for (int gen = KM_SPTE_6_1; gen < KM_SPTE_GENERATIONS; gen++) {
		for (int paging = KM_PAGING_EPT; paging <= KM_PAGING_SHADOW; paging++) {
			struct km_spte_masks masks = masks_of(paging, gen);

			assert_ptr_equal(masks.layout, &km_spte_layouts[gen]);
			assert_int_equal(masks.paging, paging);
			assert_int_equal(masks.base_addr_mask, 0xffffffffff000ULL);
			assert_true(masks.ad_enabled);
			assert_true(masks.mmio_caching);
			assert_int_equal(masks.me_mask | masks.me_value | masks.nonpresent_or_rsvd,
					 0);
			if (paging == KM_PAGING_EPT)
				continue;
			assert_int_equal(masks.nonpresent_or_rsvd_lower_gfn, 0x7fffffffff000ULL);
			assert_int_equal(masks.host_writable, B(9));
			assert_int_equal(masks.mmu_writable, B(10));
			assert_int_equal(masks.nx, B(63));
			assert_int_equal(masks.user, B(2));
			assert_int_equal(masks.x | masks.xu | masks.acc_track, 0);
			assert_int_equal(masks.accessed, B(5));
			assert_int_equal(masks.dirty, B(6));
			assert_int_equal(masks.present, B(0));
			assert_int_equal(masks.mmio_value, B(51) | B(0));
			assert_int_equal(masks.mmio_mask, B(51) | B(0));
			assert_int_equal(masks.mmio_access, B(1) | B(2));
		}
	}
}

/* From the Intel dumps of 7.3, and kvm_mmu_set_ept_masks() of 6.1. */
static void test_default_masks_ept(void **state)
{
	struct km_spte_masks new = masks_of(KM_PAGING_EPT, KM_SPTE_7_2);
	struct km_spte_masks old = masks_of(KM_PAGING_EPT, KM_SPTE_6_1);

	(void)state;
	assert_int_equal(new.host_writable, B(53));
	assert_int_equal(new.mmu_writable, B(55));
	assert_int_equal(new.nx, 0);
	assert_int_equal(new.user, 0);
	assert_int_equal(new.x, 0x4);
	assert_int_equal(new.xu, 0x400);
	assert_int_equal(new.accessed, 0x100);
	assert_int_equal(new.dirty, 0x200);
	assert_int_equal(new.present, B(63));
	assert_int_equal(new.mmio_value, 0x6);
	assert_int_equal(new.mmio_mask, B(63) | 0x7);
	assert_int_equal(new.mmio_access, 0);
	assert_int_equal(new.acc_track, 0x407);
	assert_int_equal(new.nonpresent_or_rsvd_lower_gfn, 0xffffffffff000ULL);

	assert_int_equal(old.host_writable, B(57));
	assert_int_equal(old.mmu_writable, B(58));
	assert_int_equal(old.nx, 0);
	assert_int_equal(old.user, 0x1);
	assert_int_equal(old.x, 0x4);
	assert_int_equal(old.xu, 0);
	assert_int_equal(old.accessed, 0x100);
	assert_int_equal(old.dirty, 0x200);
	assert_int_equal(old.present, 0);
	assert_int_equal(old.mmio_value, 0x6);
	assert_int_equal(old.mmio_mask, 0x7);
	assert_int_equal(old.mmio_access, 0);
	assert_int_equal(old.acc_track, 0x7);
	assert_int_equal(old.nonpresent_or_rsvd_lower_gfn, 0xffffffffff000ULL);
}

static void test_kinds(void **state)
{
	static const struct {
		enum km_paging paging;
		enum km_spte_generation gen;
		uint64_t value;
		enum km_spte_kind kind;
	} cases[] = {
		{KM_PAGING_EPT, KM_SPTE_7_2, 0, KM_SPTE_EMPTY},
		{KM_PAGING_EPT, KM_SPTE_7_2, B(63), KM_SPTE_EMPTY},
		{KM_PAGING_EPT, KM_SPTE_6_1, 0, KM_SPTE_EMPTY},
		{KM_PAGING_EPT, KM_SPTE_6_1, B(63), KM_SPTE_EMPTY}, /* 6.12 */
		{KM_PAGING_NPT, KM_SPTE_7_2, B(63), KM_SPTE_EMPTY},
		{KM_PAGING_SHADOW, KM_SPTE_6_1, 0, KM_SPTE_EMPTY},

		{KM_PAGING_EPT, KM_SPTE_7_2, B(63) | 0x1a0, KM_SPTE_FROZEN},
		{KM_PAGING_NPT, KM_SPTE_7_2, B(63) | 0x1a0, KM_SPTE_FROZEN},
		{KM_PAGING_NPT, KM_SPTE_7_2, 0x1a0, KM_SPTE_NOT_PRESENT},
		{KM_PAGING_NPT, KM_SPTE_7_2, B(63) | 0x5a0, KM_SPTE_NOT_PRESENT},
		{KM_PAGING_NPT, KM_SPTE_6_1, 0x5a0, KM_SPTE_FROZEN},
		{KM_PAGING_NPT, KM_SPTE_6_1, B(63) | 0x5a0, KM_SPTE_FROZEN},
		{KM_PAGING_NPT, KM_SPTE_6_1, 0x1a0, KM_SPTE_NOT_PRESENT},

		{KM_PAGING_EPT, KM_SPTE_7_2, PA | 0x6, KM_SPTE_MMIO},
		{KM_PAGING_EPT, KM_SPTE_7_2, PA | 0x7, KM_SPTE_NOT_PRESENT},
		{KM_PAGING_EPT, KM_SPTE_7_2, B(63) | PA | 0x6, KM_SPTE_NOT_PRESENT},
		{KM_PAGING_EPT, KM_SPTE_6_1, PA | 0x6, KM_SPTE_MMIO},
		{KM_PAGING_NPT, KM_SPTE_7_2, B(51) | PA | 0x1, KM_SPTE_MMIO},
		{KM_PAGING_NPT, KM_SPTE_7_2, B(51) | PA, KM_SPTE_NOT_PRESENT},
		{KM_PAGING_SHADOW, KM_SPTE_6_1, B(51) | PA | 0x7, KM_SPTE_MMIO},

		{KM_PAGING_EPT, KM_SPTE_7_2, B(63) | PA | 0x837, KM_SPTE_PRESENT},
		{KM_PAGING_EPT, KM_SPTE_7_2, 0x800, KM_SPTE_PRESENT},
		{KM_PAGING_EPT, KM_SPTE_7_2, 0x806, KM_SPTE_PRESENT},
		{KM_PAGING_NPT, KM_SPTE_6_1, PA | 0x867, KM_SPTE_PRESENT},
		/* A PAE root's entry. */
		{KM_PAGING_SHADOW, KM_SPTE_7_2, PA | 0x1, KM_SPTE_NOT_PRESENT},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct km_spte_masks masks = masks_of(cases[i].paging, cases[i].gen);

		assert_int_equal(km_spte_decode(&masks, cases[i].value, 1).kind, cases[i].kind);
	}
}

static void test_mmio_needs_caching(void **state)
{
	struct km_spte_masks masks = masks_of(KM_PAGING_NPT, KM_SPTE_7_2);

	(void)state;
	/* a host with 52 physical address bits has no reserved bit */
	masks.mmio_caching = false;
	masks.mmio_mask = masks.mmio_value = 0;
	assert_int_equal(km_spte_decode(&masks, 0, 1).kind, KM_SPTE_EMPTY);
	assert_int_equal(km_spte_decode(&masks, B(51) | 1, 1).kind, KM_SPTE_NOT_PRESENT);

	/* A TDX VM's own mmio_value is 0 under the mask of EPT. */
	masks = masks_of(KM_PAGING_EPT, KM_SPTE_7_2);
	masks.mmio_value = 0;
	assert_int_equal(km_spte_decode(&masks, PA | 0x8, 1).kind, KM_SPTE_MMIO);
	assert_int_equal(km_spte_decode(&masks, B(63), 1).kind, KM_SPTE_EMPTY);
	assert_int_equal(km_spte_decode(&masks, B(63) | 0x1a0, 1).kind, KM_SPTE_FROZEN);
}

static void test_entries_that_are_not_present(void **state)
{
	static const uint64_t values[] = {0, B(63), B(63) | 0x1a0, 0x7};
	struct km_spte_masks masks = masks_of(KM_PAGING_EPT, KM_SPTE_7_2);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		struct km_spte spte = km_spte_decode(&masks, values[i], 2);

		assert_int_equal(spte.value, values[i]);
		assert_int_equal(spte.level, 2);
		assert_int_equal(spte.memtype, -1);
		assert_false(spte.leaf || spte.large || spte.r || spte.w || spte.x || spte.xu ||
			     spte.u || spte.accessed || spte.dirty || spte.host_writable ||
			     spte.mmu_writable || spte.access_tracked || spte.encrypted ||
			     spte.ignore_pat || spte.suppress_ve);
		assert_int_equal(spte.restored | spte.pfn | spte.acc | spte.mmio_generation |
					 spte.mmio_gfn | spte.mmio_access,
				 0);
		assert_true(spte.kind != KM_SPTE_PRESENT && spte.kind != KM_SPTE_MMIO);
	}
}

static void test_ept_leaf(void **state)
{
	struct km_spte_masks masks = masks_of(KM_PAGING_EPT, KM_SPTE_7_2);
	/* R W XS XU, WB, IPAT, A, D, host- and MMU-writable, #VE suppressed */
	struct km_spte spte = km_spte_decode(&masks, B(63) | B(53) | B(55) | PA | 0xf77 | 0x400, 1);

	(void)state;
	assert_int_equal(spte.level, 1);
	assert_true(spte.leaf);
	assert_false(spte.large);
	assert_true(spte.r && spte.w && spte.x && spte.xu);
	assert_false(spte.u);
	assert_true(spte.accessed && spte.dirty);
	assert_int_equal(spte.ad, KM_AD_ENABLED);
	assert_true(spte.host_writable && spte.mmu_writable);
	assert_false(spte.access_tracked);
	assert_int_equal(spte.restored, 0);
	assert_int_equal(spte.pfn, PFN);
	assert_false(spte.encrypted);
	assert_int_equal(spte.memtype, 6);
	assert_true(spte.ignore_pat);
	assert_true(spte.suppress_ve);
	assert_int_equal(spte.acc, 0xf);

	/* one bit cleared at a time */
#define WITHOUT(bits) km_spte_decode(&masks, spte.value & ~(bits), 1)
	assert_false(WITHOUT(B(0)).r);
	assert_false(WITHOUT(B(1)).w);
	assert_false(WITHOUT(B(2)).x);
	assert_true(WITHOUT(B(2)).xu);
	assert_false(WITHOUT(B(10)).xu);
	assert_int_equal(WITHOUT(B(3)).memtype, 6);
	assert_int_equal(WITHOUT(B(4)).memtype, 4);
	assert_int_equal(WITHOUT(B(5)).memtype, 2);
	assert_int_equal(km_spte_decode(&masks, spte.value | 0x38, 1).memtype, 7);
	assert_false(WITHOUT(B(6)).ignore_pat);
	assert_false(WITHOUT(B(8)).accessed);
	assert_false(WITHOUT(B(9)).dirty);
	assert_false(WITHOUT(B(53)).host_writable);
	assert_false(WITHOUT(B(55)).mmu_writable);
	assert_false(WITHOUT(B(63)).suppress_ve);
#undef WITHOUT
}

static void test_ept_leaf_6_1(void **state)
{
	struct km_spte_masks masks = masks_of(KM_PAGING_EPT, KM_SPTE_6_1);
	struct km_spte spte =
		km_spte_decode(&masks, B(57) | B(58) | PA | B(8) | B(9) | B(10) | 0x837, 1);

	(void)state;
	assert_true(spte.r && spte.w && spte.x);
	assert_false(spte.xu); /* bit 10 is not used in 6.1 */
	assert_false(spte.u);
	assert_true(spte.accessed && spte.dirty);
	assert_true(spte.host_writable && spte.mmu_writable);
	assert_int_equal(spte.acc, 0x7);
	assert_false(km_spte_decode(&masks, spte.value & ~B(57), 1).host_writable);
	assert_false(km_spte_decode(&masks, spte.value & ~B(58), 1).mmu_writable);
	assert_int_equal(km_spte_decode(&masks, spte.value & ~B(0), 1).acc, 0x3);
	assert_int_equal(km_spte_decode(&masks, spte.value & ~B(1), 1).acc, 0x5);
	assert_int_equal(km_spte_decode(&masks, spte.value & ~B(2), 1).acc, 0x6);
}

static void test_x86_leaf(void **state)
{
	(void)state;
	for (int gen = KM_SPTE_6_1; gen < KM_SPTE_GENERATIONS; gen++) {
		struct km_spte_masks masks = masks_of(KM_PAGING_NPT, gen);
		bool rwux = gen == KM_SPTE_7_2;
		/* P W U A D, host- and MMU-writable */
		struct km_spte spte = km_spte_decode(&masks, PA | 0xe67, 1);

		assert_true(spte.leaf && spte.r && spte.w && spte.x && spte.u);
		assert_false(spte.large || spte.xu || spte.suppress_ve || spte.ignore_pat);
		assert_true(spte.accessed && spte.dirty);
		assert_true(spte.host_writable && spte.mmu_writable);
		assert_int_equal(spte.memtype, 0);
		assert_int_equal(spte.pfn, PFN);
		assert_int_equal(spte.ad, KM_AD_ENABLED);
		assert_false(spte.access_tracked);
		assert_int_equal(spte.acc, rwux ? 0xf : 0x7);

#define WITHOUT(bits) km_spte_decode(&masks, spte.value & ~(bits), 1)
#define WITH(bits)    km_spte_decode(&masks, spte.value | (bits), 1)
		assert_false(WITHOUT(B(0)).r);
		assert_int_equal(WITHOUT(B(0)).acc, rwux ? 0xe : 0x7);
		assert_false(WITHOUT(B(1)).w);
		assert_int_equal(WITHOUT(B(1)).acc, rwux ? 0xd : 0x5);
		assert_false(WITHOUT(B(2)).u);
		assert_int_equal(WITHOUT(B(2)).acc, rwux ? 0xb : 0x3);
		assert_false(WITHOUT(B(5)).accessed);
		assert_false(WITHOUT(B(6)).dirty);
		assert_false(WITHOUT(B(9)).host_writable);
		assert_false(WITHOUT(B(10)).mmu_writable);
		assert_false(WITH(B(63)).x);
		assert_int_equal(WITH(B(63)).acc, rwux ? 0x7 : 0x6);
		assert_int_equal(WITH(B(3)).memtype, 1);
		assert_int_equal(WITH(B(4)).memtype, 2);
		assert_int_equal(WITH(B(7)).memtype, 4);
		assert_int_equal(WITH(B(12)).memtype, 0);
#undef WITHOUT
#undef WITH
	}
}

static void test_levels(void **state)
{
	static const struct {
		int level, decoded;
		bool bit7, leaf, large;
	} cases[] = {
		{1, 1, false, true, false},	  {1, 1, true, true, false},
		{2, 2, false, false, false},	  {2, 2, true, true, true},
		{3, 3, false, false, false},	  {3, 3, true, true, true},
		{4, 4, false, false, false},	  {5, 5, false, false, false},
		{5, 5, true, true, true},	  {0, 0, false, true, false},
		{0, 0, true, true, true},	  {6, 0, true, true, true},
		{-1, 0, false, true, false},	  {INT32_MAX, 0, true, true, true},
		{INT32_MIN, 0, true, true, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct km_spte_masks masks = masks_of(KM_PAGING_NPT, KM_SPTE_7_2);
		uint64_t value = 0xe67 | B(12) | (cases[i].bit7 ? B(7) : 0);
		struct km_spte spte = km_spte_decode(&masks, value, cases[i].level);

		assert_int_equal(spte.level, cases[i].decoded);
		assert_int_equal(spte.leaf, cases[i].leaf);
		assert_int_equal(spte.large, cases[i].large);
		/* only leaves have host-/MMU-writable and a memory type; PAT is bit 12 in large
		 * ones */
		assert_int_equal(spte.host_writable, cases[i].leaf);
		assert_int_equal(spte.mmu_writable, cases[i].leaf);
		if (!cases[i].leaf)
			assert_int_equal(spte.memtype, -1);
		else
			assert_int_equal(spte.memtype, cases[i].bit7 ? 4 : 0);

		/* EPT: a table's bits 3 to 6 are reserved, not a memory type. */
		masks = masks_of(KM_PAGING_EPT, KM_SPTE_7_2);
		spte = km_spte_decode(&masks, 0x877 | (cases[i].bit7 ? B(7) : 0), cases[i].level);
		assert_int_equal(spte.leaf, cases[i].leaf);
		assert_int_equal(spte.memtype, cases[i].leaf ? 6 : -1);
		assert_int_equal(spte.ignore_pat, cases[i].leaf);
	}
}

static void test_ad_types(void **state)
{
	(void)state;
	for (int gen = KM_SPTE_6_1; gen < KM_SPTE_GENERATIONS; gen++) {
		struct km_spte_masks masks = masks_of(KM_PAGING_EPT, gen);
		int low = gen == KM_SPTE_7_2 ? 60 : 52;

		assert_int_equal(km_spte_ad(&masks, 0), KM_AD_ENABLED);
		assert_int_equal(km_spte_ad(&masks, ~(3ULL << low)), KM_AD_ENABLED);
		assert_int_equal(km_spte_ad(&masks, B(low)), KM_AD_DISABLED);
		assert_int_equal(km_spte_ad(&masks, B(low + 1)), KM_AD_WRPROT_ONLY);
		assert_int_equal(km_spte_ad(&masks, 3ULL << low), KM_AD_INVALID);
		assert_int_equal(km_spte_decode(&masks, 0x837 | B(low), 1).ad, KM_AD_DISABLED);

		assert_true(km_spte_ad_enabled(&masks, 0));
		assert_false(km_spte_ad_enabled(&masks, B(low)));
		assert_true(km_spte_ad_enabled(&masks, B(low + 1)));
		assert_false(km_spte_ad_need_write_protect(&masks, 0));
		assert_true(km_spte_ad_need_write_protect(&masks, B(low)));
		assert_true(km_spte_ad_need_write_protect(&masks, B(low + 1)));
	}
}

/* Without A/D bits, 6.1 and 6.12 use access tracking and W instead. */
static void test_accessed_without_ad_bits_6_1(void **state)
{
	struct km_spte_masks masks = no_ad_masks(KM_SPTE_6_1);
	uint64_t disabled = B(52), tracked = PA | 0x830 | B(54) | B(56);

	(void)state;
	assert_true(km_is_accessed_spte(&masks, 0x835 | disabled));
	assert_false(km_is_accessed_spte(&masks, tracked | disabled));
	assert_true(km_is_dirty_spte(&masks, 0x837 | disabled));
	assert_false(km_is_dirty_spte(&masks, 0x835 | disabled));
	/* without masks: not tracked unless the A/D type says so */
	assert_true(km_is_accessed_spte(&masks, tracked));
	assert_true(km_is_dirty_spte(&masks, 0x837));

	/* L1 disabled A/D bits for L2, KVM has them. */
	masks = masks_of(KM_PAGING_EPT, KM_SPTE_6_1);
	assert_true(km_is_accessed_spte(&masks, 0x835 | disabled));
	assert_false(km_is_accessed_spte(&masks, 0x800 | B(8) | disabled));
	assert_false(km_is_accessed_spte(&masks, 0x835));
	assert_true(km_is_accessed_spte(&masks, 0x835 | B(8)));
	assert_false(km_is_dirty_spte(&masks, 0x835 | B(9) | disabled));
	assert_true(km_is_dirty_spte(&masks, 0x837 | disabled));
	assert_false(km_is_dirty_spte(&masks, 0x837));
	assert_true(km_is_dirty_spte(&masks, 0x835 | B(9)));
}

/* Since 7.2, KVM sets the Accessed bit itself if the processor does not. */
static void test_accessed_without_ad_bits_7_2(void **state)
{
	struct km_spte_masks masks = no_ad_masks(KM_SPTE_7_2);
	uint64_t disabled = B(60);

	(void)state;
	assert_true(km_is_accessed_spte(&masks, 0x835 | B(8) | disabled));
	assert_false(km_is_accessed_spte(&masks, 0x835 | disabled));
	assert_true(km_is_dirty_spte(&masks, 0x835 | B(9) | disabled));
	assert_false(km_is_dirty_spte(&masks, 0x837 | disabled));
}

static void test_access_tracking(void **state)
{
	struct km_spte_masks old = no_ad_masks(KM_SPTE_6_1), new = no_ad_masks(KM_SPTE_7_2);
	struct km_spte spte;

	(void)state;
	/* 6.1: R and X saved at 54 and 56. */
	spte = km_spte_decode(&old, PA | 0x870 | B(52) | B(54) | B(56) | B(57) | B(58), 1);
	assert_true(spte.access_tracked);
	assert_int_equal(spte.restored, PA | 0x875 | B(52) | B(57) | B(58));
	assert_false(spte.accessed);
	assert_int_equal(spte.acc, 0);
	assert_int_equal(spte.ad, KM_AD_DISABLED);
	/* ... R only */
	assert_int_equal(km_spte_decode(&old, 0x870 | B(52) | B(54), 1).restored, 0x871 | B(52));
	/* ... bit 10 is not saved */
	assert_true(km_spte_decode(&old, 0xc70 | B(52) | B(54), 1).access_tracked);

	/* 7.2: R, X and XU saved at 52, 54 and 62. */
	spte = km_spte_decode(
		&new, B(63) | PA | 0x870 | B(60) | B(52) | B(54) | B(62) | B(53) | B(55), 1);
	assert_true(spte.access_tracked);
	assert_int_equal(spte.restored, B(63) | PA | 0xc75 | B(60) | B(53) | B(55));
	assert_int_equal(spte.acc, 0);
	assert_int_equal(km_spte_decode(&new, 0x870 | B(60) | B(54), 1).restored, 0x874 | B(60));
	assert_int_equal(km_spte_decode(&new, 0x870 | B(60) | B(62), 1).restored, 0xc70 | B(60));

	/* with any right, or with A/D bits: not tracked */
	assert_false(km_spte_decode(&new, 0xc70 | B(60) | B(54), 1).access_tracked);
	assert_false(km_spte_decode(&new, 0x871 | B(60) | B(54), 1).access_tracked);
	assert_false(km_spte_decode(&new, 0x872 | B(60) | B(54), 1).access_tracked);
	assert_false(km_spte_decode(&new, 0x874 | B(60) | B(54), 1).access_tracked);
	assert_false(km_spte_decode(&new, 0x870 | B(54), 1).access_tracked);
	assert_false(km_spte_decode(&new, 0x870 | B(61) | B(54), 1).access_tracked);

	/* restoring clears the saved bits, and nothing else */
	assert_int_equal(km_restore_acc_track_spte(&new, UINT64_MAX & ~B(62)),
			 UINT64_MAX & ~(B(1) | B(10) | B(52) | B(54) | B(62)));
	assert_int_equal(km_restore_acc_track_spte(&old, 0x7 | PA), PA);
}

static void test_pfn_and_encryption(void **state)
{
	struct km_spte_masks masks = masks_of(KM_PAGING_NPT, KM_SPTE_7_2);
	struct km_spte spte;

	(void)state;
	spte = km_spte_decode(&masks, UINT64_MAX, 2);
	assert_int_equal(spte.pfn, 0xffffffffffULL);
	assert_false(spte.encrypted);

	/* SME: the C-bit is not part of the address */
	masks.me_value = masks.me_mask = B(47);
	masks.base_addr_mask &= ~B(47);
	spte = km_spte_decode(&masks, B(47) | PA | 0xe67, 1);
	assert_true(spte.encrypted);
	assert_int_equal(spte.pfn, PFN);
	assert_false(km_spte_decode(&masks, PA | 0xe67, 1).encrypted);
}

/* RWUX rights of entries of each generation, by the rule of the 7.3 series. */
static void test_acc_of_any_generation(void **state)
{
	struct km_spte_masks old_ept = masks_of(KM_PAGING_EPT, KM_SPTE_6_1);
	struct km_spte_masks new_ept = masks_of(KM_PAGING_EPT, KM_SPTE_7_2);

	(void)state;
	for (unsigned bits = 0; bits < 16; bits++) {
		bool r = bits & 1, w = bits & 2, x = bits & 4, u = bits & 8;
		uint64_t ept = 0x800 | (bits & 7) | (u ? B(10) : 0);
		uint64_t x86 = 0x800 | r | w << 1 | u << 2 | (x ? 0 : B(63));

		/* XU is its own bit since 7.2, X before. */
		assert_int_equal(km_spte_acc(&new_ept, ept, KM_ACC_RWUX),
				 r | w << 1 | u << 2 | x << 3);
		assert_int_equal(km_spte_acc(&old_ept, ept, KM_ACC_RWUX),
				 r | w << 1 | x << 2 | x << 3);
		assert_int_equal(km_spte_acc(&old_ept, ept, KM_ACC_UWX), x | w << 1 | r << 2);
		for (int gen = 0; gen < KM_SPTE_GENERATIONS; gen++) {
			struct km_spte_masks npt = masks_of(KM_PAGING_NPT, gen);

			assert_int_equal(km_spte_acc(&npt, x86, KM_ACC_RWUX),
					 r | w << 1 | u << 2 | x << 3);
			assert_int_equal(km_spte_acc(&npt, x86, KM_ACC_UWX), x | w << 1 | u << 2);
		}

		/* 7.2: XS or XU means executable */
		assert_int_equal(km_is_executable_pte(&new_ept, ept), x || u);
		assert_int_equal(km_is_executable_pte(&old_ept, ept), x);
	}
}

static void test_mmio_generation(void **state)
{
	struct km_spte_masks old = masks_of(KM_PAGING_EPT, KM_SPTE_6_1);
	struct km_spte_masks new = masks_of(KM_PAGING_EPT, KM_SPTE_7_2);

	(void)state;
	assert_int_equal(km_mmio_spte_gen_mask(&old), 0x7ffff);
	assert_int_equal(km_mmio_spte_gen_mask(&new), 0x3ffff);
	for (int bit = 0; bit < 64; bit++) {
		uint64_t in_old = 0, in_new = 0;

		if (bit >= 3 && bit <= 10)
			in_old = B(bit - 3);
		if (bit >= 3 && bit <= 9)
			in_new = B(bit - 3);
		if (bit >= 52 && bit <= 62) {
			in_old = B(bit - 52 + 8);
			in_new = B(bit - 52 + 7);
		}
		assert_int_equal(km_get_mmio_spte_generation(&old, B(bit)), in_old);
		assert_int_equal(km_get_mmio_spte_generation(&new, B(bit)), in_new);
	}
}

static void test_mmio_decoded(void **state)
{
	struct km_spte_masks masks = masks_of(KM_PAGING_NPT, KM_SPTE_7_2);
	/* generation 0x3ff81, W and U allowed */
	struct km_spte spte = km_spte_decode(
		&masks, 0x7ffULL << 52 | B(51) | 0xfee00ULL << 12 | 1ULL << 3 | 0x7, 1);

	(void)state;
	assert_int_equal(spte.kind, KM_SPTE_MMIO);
	assert_int_equal(spte.mmio_generation, 0x3ff81);
	assert_int_equal(spte.mmio_gfn, 0xfee00);
	assert_int_equal(spte.mmio_access, 0x6);
	assert_int_equal(spte.pfn, 0);
	assert_int_equal(spte.acc, 0);
	assert_int_equal(spte.memtype, -1);
	assert_false(spte.leaf);
}

/* An Intel CPU with L1TF: 46 bits of cache address, bits 41 to 45 set, the GFN's bits shifted left
 * by 5.
 */
static void test_mmio_gfn_split_against_l1tf(void **state)
{
	struct km_spte_masks masks = masks_of(KM_PAGING_EPT, KM_SPTE_7_2);

	(void)state;
	masks.nonpresent_or_rsvd = 0x1fULL << 41;
	masks.nonpresent_or_rsvd_lower_gfn = (B(41) - 1) & ~0xfffULL;
	for (int bit = 12; bit < 46; bit++) {
		uint64_t gpa = B(bit), spte = 0x6 | gpa | masks.nonpresent_or_rsvd;

		spte |= (gpa & masks.nonpresent_or_rsvd) << 5;
		assert_int_equal(km_get_mmio_spte_gfn(&masks, spte), gpa >> 12);
		assert_int_equal(km_spte_decode(&masks, spte, 1).mmio_gfn, gpa >> 12);
	}
}

static void test_reserved_bits(void **state)
{
	struct km_spte_masks old = masks_of(KM_PAGING_EPT, KM_SPTE_6_1);
	struct km_spte_masks new = masks_of(KM_PAGING_EPT, KM_SPTE_7_2);
	struct km_rsvd_bits rsvd = {.bad_mt_xwr = UINT64_MAX};
	bool bad;

	(void)state;
	/* a different bit for each level and each value of bit 7 */
	for (int level = 1; level <= 5; level++) {
		rsvd.rsvd_bits_mask[0][level - 1] = B(20 + level);
		rsvd.rsvd_bits_mask[1][level - 1] = B(30 + level);
	}
	for (int level = 1; level <= 5; level++) {
		uint64_t all = 0xffffff00000ULL;

		assert_int_equal(km_rsvd_spte(&new, &rsvd, all, level, NULL), B(20 + level));
		assert_int_equal(km_rsvd_spte(&new, &rsvd, all | B(7), level, NULL), B(30 + level));
		assert_int_equal(km_rsvd_spte(&new, &rsvd, all & ~B(20 + level), level, NULL), 0);
	}
	assert_int_equal(km_rsvd_spte(&new, &rsvd, UINT64_MAX, 0, NULL), 0);
	assert_int_equal(km_rsvd_spte(&new, &rsvd, UINT64_MAX, 6, NULL), 0);
	assert_int_equal(km_rsvd_spte(&new, &rsvd, UINT64_MAX, INT32_MIN, &bad), 0);
	assert_int_equal(km_rsvd_spte(&new, &rsvd, UINT64_MAX, INT32_MAX, &bad), 0);

	for (unsigned mt_xwr = 0; mt_xwr < 64; mt_xwr++) {
		rsvd.bad_mt_xwr = B(mt_xwr);
		for (unsigned value = 0; value < 64; value++) {
			km_rsvd_spte(&new, &rsvd, value | 0xfb80, 1, &bad);
			assert_int_equal(bad, value == mt_xwr);
			km_rsvd_spte(&old, &rsvd, value | B(10), 1, &bad);
			assert_int_equal(bad, value == mt_xwr);
			/* Since MBEC, XU counts as X. */
			km_rsvd_spte(&new, &rsvd, value | B(10), 9, &bad);
			assert_int_equal(bad, (value | 4) == mt_xwr);
		}
	}
}

/* make_nonleaf_spte(): every permission, in each generation. */
static void test_nonleaf_that_lacks(void **state)
{
	struct km_spte_masks npt = km_spte_default_masks(KM_PAGING_NPT, KM_SPTE_7_2);
	struct km_spte_masks ept = km_spte_default_masks(KM_PAGING_EPT, KM_SPTE_7_2);
	struct km_spte_masks old = km_spte_default_masks(KM_PAGING_EPT, KM_SPTE_6_1);

	(void)state;
	assert_false(km_nonleaf_spte_lacks(&npt, 0x2b0a827));
	assert_true(km_nonleaf_spte_lacks(&npt, 0x2b0a825));
	assert_true(km_nonleaf_spte_lacks(&npt, 0x2b0a826));
	assert_true(km_nonleaf_spte_lacks(&npt, 0x2b0a823)); /* U */
	assert_true(km_nonleaf_spte_lacks(&npt, 0x8000000002b0a827));
	assert_false(km_nonleaf_spte_lacks(&ept, 0x8000000000b53f07));
	assert_true(km_nonleaf_spte_lacks(&ept, 0x8000000000b53b07)); /* XU */
	assert_true(km_nonleaf_spte_lacks(&ept, 0x8000000000b53f03));
	assert_true(km_nonleaf_spte_lacks(&ept, 0x8000000000b53f06));
	ept.xu = ept.x; /* no MBEC */
	assert_false(km_nonleaf_spte_lacks(&ept, 0x8000000000b53b07));
	assert_false(km_nonleaf_spte_lacks(&old, 0xb53907));
	assert_true(km_nonleaf_spte_lacks(&old, 0xb53906));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nonleaf_that_lacks),
		cmocka_unit_test(test_layouts),
		cmocka_unit_test(test_names_of_generations),
		cmocka_unit_test(test_layouts_before_the_present_bit),
		cmocka_unit_test(test_masks_against_l1tf),
		cmocka_unit_test(test_masks_without_ad),
		cmocka_unit_test(test_default_masks),
		cmocka_unit_test(test_default_masks_ept),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_mmio_needs_caching),
		cmocka_unit_test(test_entries_that_are_not_present),
		cmocka_unit_test(test_ept_leaf),
		cmocka_unit_test(test_ept_leaf_6_1),
		cmocka_unit_test(test_x86_leaf),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_ad_types),
		cmocka_unit_test(test_accessed_without_ad_bits_6_1),
		cmocka_unit_test(test_accessed_without_ad_bits_7_2),
		cmocka_unit_test(test_access_tracking),
		cmocka_unit_test(test_pfn_and_encryption),
		cmocka_unit_test(test_acc_of_any_generation),
		cmocka_unit_test(test_mmio_generation),
		cmocka_unit_test(test_mmio_decoded),
		cmocka_unit_test(test_mmio_gfn_split_against_l1tf),
		cmocka_unit_test(test_reserved_bits),
	};

	return cmocka_run_group_tests_name("spte", tests, NULL, NULL);
}
