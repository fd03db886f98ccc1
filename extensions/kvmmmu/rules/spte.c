// SPDX-License-Identifier: GPL-2.0-or-later
#include "rules/spte.h"

#define PAGE_SHIFT		     12
#define PT_PRESENT_MASK		     KM_BIT(0)
#define PT_WRITABLE_MASK	     KM_BIT(1)
#define PT_USER_MASK		     KM_BIT(2)
#define PT_PWT_MASK		     KM_BIT(3)
#define PT_PCD_MASK		     KM_BIT(4)
#define PT_ACCESSED_MASK	     KM_BIT(5)
#define PT_DIRTY_MASK		     KM_BIT(6)
#define PT_PAGE_SIZE_MASK	     KM_BIT(7)
#define PT_PAT_MASK		     KM_BIT(7)	/* 4 KiB pages */
#define PT_PAT_LARGE_MASK	     KM_BIT(12) /* large pages */
#define PT64_NX_MASK		     KM_BIT(63)
#define VMX_EPT_READABLE_MASK	     KM_BIT(0)
#define VMX_EPT_WRITABLE_MASK	     KM_BIT(1)
#define VMX_EPT_EXECUTABLE_MASK	     KM_BIT(2)
#define VMX_EPT_RWX_MASK	     (KM_BIT(0) | KM_BIT(1) | KM_BIT(2))
#define VMX_EPT_MT_EPTE_SHIFT	     3
#define VMX_EPT_IPAT_BIT	     KM_BIT(6)
#define VMX_EPT_ACCESS_BIT	     KM_BIT(8)
#define VMX_EPT_DIRTY_BIT	     KM_BIT(9)
#define VMX_EPT_USER_EXECUTABLE_MASK KM_BIT(10)
#define VMX_EPT_SUPPRESS_VE_BIT	     KM_BIT(63)
#define VMX_EPT_MISCONFIG_WX_VALUE   (VMX_EPT_WRITABLE_MASK | VMX_EPT_EXECUTABLE_MASK)

#define SHADOW_NONPRESENT_VALUE		   KM_BIT(63)
#define SHADOW_NONPRESENT_OR_RSVD_MASK_LEN 5

/* Bits @low to @high inclusive; at most 63 bits. */
static uint64_t genmask(unsigned high, unsigned low)
{
	return (KM_BIT(high - low + 1) - 1) << low;
}

#define EPT_RX (VMX_EPT_READABLE_MASK | VMX_EPT_EXECUTABLE_MASK)
#define ROW_BEFORE_PRESENT_BIT                                                                     \
	.acc = KM_ACC_UWX, .host_writable = KM_BIT(10), .mmu_writable = KM_BIT(11),                \
	.ept_host_writable = KM_BIT(10), .ept_mmu_writable = KM_BIT(11),                           \
	.acc_track_saved_mask = EPT_RX
#define ROW_6                                                                                      \
	.acc = KM_ACC_UWX, .mmu_present_mask = KM_BIT(11), .tdp_ad_shift = 52, .tdp_ad_mask = 3,   \
	.host_writable = KM_BIT(9), .mmu_writable = KM_BIT(10), .ept_host_writable = KM_BIT(57),   \
	.ept_mmu_writable = KM_BIT(58), .acc_track_saved_mask = EPT_RX,                            \
	.acc_track_saved_shift = 54, .mmio_gen_low_start = 3, .mmio_gen_low_end = 10,              \
	.mmio_gen_high_start = 52, .mmio_gen_high_end = 62, .frozen = 0x5a0

const struct km_spte_layout km_spte_layouts[KM_SPTE_GENERATIONS] = {
	/* 4.18 does not store bit 0 of the memslots generation in MMIO SPTEs */
	[KM_SPTE_4_18] =
		{
			ROW_BEFORE_PRESENT_BIT,
			.name = "4.18",
			.kernels = "up to about 5.2",
			.tdp_ad_shift = 62,
			.tdp_ad_mask = 1,
			.acc_track_saved_shift = 52,
			.mmio_gen_low_start = 3,
			.mmio_gen_low_end = 11,
			.mmio_gen_high_start = 52,
			.mmio_gen_high_end = 61,
			.mmio_gen_shift = 1,
			.mmio_special = KM_BIT(62),
		},
	[KM_SPTE_5_10] =
		{
			ROW_BEFORE_PRESENT_BIT,
			.name = "5.10",
			.kernels = "about 5.3 to 5.12",
			.tdp_ad_shift = 52,
			.tdp_ad_mask = 3,
			.acc_track_saved_shift = 54,
			.mmio_gen_low_start = 3,
			.mmio_gen_low_end = 11,
			.mmio_gen_high_start = 54,
			.mmio_gen_high_end = 62,
			.mmio_special = KM_BIT(52) | KM_BIT(53),
			.mmio_special_only = true,
			.frozen = KM_BIT(59), /* 5.12 */
			.frozen_any_bit63 = true,
		},
	[KM_SPTE_6_1] =
		{
			ROW_6,
			.name = "6.1",
			.kernels = "5.13 to 6.9",
			.frozen_any_bit63 = true,
		},
	[KM_SPTE_6_12] =
		{
			ROW_6,
			.name = "6.12",
			.kernels = "6.10 to 7.1",
			.ept_suppress_ve = true,
		},
	[KM_SPTE_7_2] =
		{
			.name = "7.2",
			.kernels = "7.2 and later",
			.acc = KM_ACC_RWUX,
			.mmu_present_mask = KM_BIT(11),
			.tdp_ad_shift = 60,
			.tdp_ad_mask = 3,
			.host_writable = KM_BIT(9),
			.mmu_writable = KM_BIT(10),
			.ept_host_writable = KM_BIT(53),
			.ept_mmu_writable = KM_BIT(55),
			.acc_track_saved_mask = EPT_RX | VMX_EPT_USER_EXECUTABLE_MASK,
			.acc_track_saved_shift = 52,
			.mmio_gen_low_start = 3,
			.mmio_gen_low_end = 9,
			.mmio_gen_high_start = 52,
			.mmio_gen_high_end = 62,
			.frozen = 0x1a0,
			.xs_xu = true,
			.ept_suppress_ve = true,
		},
};

#undef ROW_6
#undef ROW_BEFORE_PRESENT_BIT

static void set_ept_masks(struct km_spte_masks *masks)
{
	const struct km_spte_layout *layout = masks->layout;

	masks->host_writable = layout->ept_host_writable;
	masks->mmu_writable = layout->ept_mmu_writable;
	masks->x = VMX_EPT_EXECUTABLE_MASK;
	masks->accessed = VMX_EPT_ACCESS_BIT;
	masks->dirty = VMX_EPT_DIRTY_BIT;
	masks->acc_track = VMX_EPT_RWX_MASK;
	masks->mmio_value = VMX_EPT_MISCONFIG_WX_VALUE;
	masks->mmio_mask = VMX_EPT_RWX_MASK;
	if (layout->ept_suppress_ve) {
		masks->present = VMX_EPT_SUPPRESS_VE_BIT;
		masks->mmio_mask |= VMX_EPT_SUPPRESS_VE_BIT;
	}
	if (layout->xs_xu) {
		masks->xu = VMX_EPT_USER_EXECUTABLE_MASK;
		masks->acc_track |= VMX_EPT_USER_EXECUTABLE_MASK;
	} else {
		masks->user = VMX_EPT_READABLE_MASK;
	}
}

static void set_x86_masks(struct km_spte_masks *masks)
{
	masks->host_writable = masks->layout->host_writable;
	masks->mmu_writable = masks->layout->mmu_writable;
	masks->nx = PT64_NX_MASK;
	masks->user = PT_USER_MASK;
	masks->accessed = PT_ACCESSED_MASK;
	masks->dirty = PT_DIRTY_MASK;
	masks->present = PT_PRESENT_MASK;
	masks->mmio_value = KM_BIT(51) | PT_PRESENT_MASK;
	masks->mmio_mask = KM_BIT(51) | PT_PRESENT_MASK;
	masks->mmio_access = PT_WRITABLE_MASK | PT_USER_MASK;
}

struct km_spte_masks km_spte_default_masks(enum km_paging paging, enum km_spte_generation gen)
{
	const struct km_spte_layout *layout = &km_spte_layouts[gen];
	struct km_spte_masks masks = {
		.layout = layout,
		.paging = paging,
		.base_addr_mask = genmask(51, PAGE_SHIFT),
		.ad_enabled = true,
		.mmio_caching = true,
		.accessed_always = layout->xs_xu,
	};

	if (paging == KM_PAGING_EPT)
		set_ept_masks(&masks);
	else
		set_x86_masks(&masks);
	masks.nonpresent_or_rsvd_lower_gfn = masks.base_addr_mask & ~masks.mmio_mask;
	km_spte_masks_set_mmio_special(&masks);
	return masks;
}

void km_spte_masks_set_mmio_special(struct km_spte_masks *masks)
{
	const struct km_spte_layout *layout = masks->layout;

	masks->mmio_mask |= layout->mmio_special;
	masks->mmio_value |= layout->mmio_special;
	if (layout->mmio_special_only)
		masks->mmio_mask = layout->mmio_special;
}

void km_spte_masks_without_ad(struct km_spte_masks *masks)
{
	masks->ad_enabled = false;
	if (!masks->accessed_always)
		masks->accessed = masks->dirty = 0;
}

void km_spte_masks_with_l1tf(struct km_spte_masks *masks, unsigned cache_bits)
{
	unsigned low = cache_bits - SHADOW_NONPRESENT_OR_RSVD_MASK_LEN;

	masks->nonpresent_or_rsvd = genmask(cache_bits - 1, low);
	masks->nonpresent_or_rsvd_lower_gfn = genmask(low - 1, PAGE_SHIFT);
}

bool km_is_shadow_present_pte(const struct km_spte_masks *masks, uint64_t spte)
{
	if (masks->layout->mmu_present_mask)
		return spte & masks->layout->mmu_present_mask;
	return spte && !km_is_mmio_spte(masks, spte) && !km_is_frozen_spte(masks, spte);
}

bool km_is_frozen_spte(const struct km_spte_masks *masks, uint64_t spte)
{
	const struct km_spte_layout *layout = masks->layout;

	if (!layout->frozen)
		return false;
	if (layout->frozen_any_bit63 && spte == layout->frozen)
		return true;
	return spte == (SHADOW_NONPRESENT_VALUE | layout->frozen);
}

bool km_is_mmio_spte(const struct km_spte_masks *masks, uint64_t spte)
{
	return masks->mmio_caching && !((spte ^ masks->mmio_value) & masks->mmio_mask);
}

enum km_spte_ad km_spte_ad(const struct km_spte_masks *masks, uint64_t spte)
{
	static const enum km_spte_ad types[] = {
		KM_AD_ENABLED,
		KM_AD_DISABLED,
		KM_AD_WRPROT_ONLY,
		KM_AD_INVALID,
	};

	return types[(spte >> masks->layout->tdp_ad_shift) & masks->layout->tdp_ad_mask];
}

bool km_is_access_track_spte(const struct km_spte_masks *masks, uint64_t spte)
{
	return !km_spte_ad_enabled(masks, spte) && !(spte & masks->acc_track);
}

bool km_is_accessed_spte(const struct km_spte_masks *masks, uint64_t spte)
{
	if (masks->accessed_always)
		return spte & masks->accessed;
	if (masks->accessed && km_spte_ad_enabled(masks, spte))
		return spte & masks->accessed;
	return !km_is_access_track_spte(masks, spte);
}

bool km_is_dirty_spte(const struct km_spte_masks *masks, uint64_t spte)
{
	if (masks->accessed_always)
		return spte & masks->dirty;
	if (masks->dirty && km_spte_ad_enabled(masks, spte))
		return spte & masks->dirty;
	return km_is_writable_pte(spte);
}

bool km_is_executable_pte(const struct km_spte_masks *masks, uint64_t spte)
{
	if (masks->layout->xs_xu)
		return (spte & (masks->x | masks->xu | masks->nx)) != masks->nx;
	return (spte & (masks->x | masks->nx)) == masks->x;
}

bool km_nonleaf_spte_lacks(const struct km_spte_masks *masks, uint64_t spte)
{
	uint64_t all = PT_PRESENT_MASK | PT_WRITABLE_MASK | masks->x | masks->user;

	if (masks->layout->xs_xu)
		all |= masks->xu;
	return all & ~spte || spte & masks->nx;
}

static unsigned acc_uwx(const struct km_spte_masks *masks, uint64_t spte)
{
	/* With EPT, shadow_user_mask is the readable bit. */
	return (km_is_executable_pte(masks, spte) ? ACC_UWX_EXEC_MASK : 0) |
	       (spte & PT_WRITABLE_MASK ? ACC_UWX_WRITE_MASK : 0) |
	       (spte & masks->user ? ACC_UWX_USER_MASK : 0);
}

static unsigned acc_rwux(const struct km_spte_masks *masks, uint64_t spte)
{
	uint64_t xu = masks->layout->xs_xu ? masks->xu : masks->x;
	unsigned rw = (spte & PT_PRESENT_MASK ? ACC_READ_MASK : 0) |
		      (spte & PT_WRITABLE_MASK ? ACC_WRITE_MASK : 0);

	if (masks->nx)
		return rw | (spte & masks->user ? ACC_USER_MASK : 0) |
		       (spte & masks->nx ? 0 : ACC_EXEC_MASK);
	return rw | (spte & xu ? ACC_USER_EXEC_MASK : 0) | (spte & masks->x ? ACC_EXEC_MASK : 0);
}

unsigned km_spte_acc(const struct km_spte_masks *masks, uint64_t spte, enum km_acc_format format)
{
	return format == KM_ACC_UWX ? acc_uwx(masks, spte) : acc_rwux(masks, spte);
}

uint64_t km_restore_acc_track_spte(const struct km_spte_masks *masks, uint64_t spte)
{
	const struct km_spte_layout *layout = masks->layout;
	uint64_t saved = (spte >> layout->acc_track_saved_shift) & layout->acc_track_saved_mask;

	spte &= ~(masks->acc_track | layout->acc_track_saved_mask << layout->acc_track_saved_shift);
	return spte | saved;
}

static unsigned mmio_gen_low_bits(const struct km_spte_layout *layout)
{
	return layout->mmio_gen_low_end - layout->mmio_gen_low_start + 1;
}

uint64_t km_get_mmio_spte_generation(const struct km_spte_masks *masks, uint64_t spte)
{
	const struct km_spte_layout *layout = masks->layout;
	uint64_t low = spte & genmask(layout->mmio_gen_low_end, layout->mmio_gen_low_start);
	uint64_t high = spte & genmask(layout->mmio_gen_high_end, layout->mmio_gen_high_start);

	low >>= layout->mmio_gen_low_start;
	high >>= layout->mmio_gen_high_start;
	return (low | high << mmio_gen_low_bits(layout)) << layout->mmio_gen_shift;
}

uint64_t km_mmio_spte_gen_mask(const struct km_spte_masks *masks)
{
	return km_get_mmio_spte_generation(masks, UINT64_MAX);
}

uint64_t km_get_mmio_spte_gfn(const struct km_spte_masks *masks, uint64_t spte)
{
	uint64_t gpa = spte & masks->nonpresent_or_rsvd_lower_gfn;

	gpa |= (spte >> SHADOW_NONPRESENT_OR_RSVD_MASK_LEN) & masks->nonpresent_or_rsvd;
	return gpa >> PAGE_SHIFT;
}

/* The MMU-present bit is not set in entries of any other kind. */
static enum km_spte_kind spte_kind(const struct km_spte_masks *masks, uint64_t value)
{
	if (km_is_shadow_present_pte(masks, value))
		return KM_SPTE_PRESENT;
	if (km_is_frozen_spte(masks, value))
		return KM_SPTE_FROZEN;
	if (km_is_mmio_spte(masks, value))
		return KM_SPTE_MMIO;
	if (!(value & ~SHADOW_NONPRESENT_VALUE))
		return KM_SPTE_EMPTY;
	return KM_SPTE_NOT_PRESENT;
}

static int pat_index(uint64_t value, bool large)
{
	bool pat = value & (large ? PT_PAT_LARGE_MASK : PT_PAT_MASK);
	bool pcd = value & PT_PCD_MASK;
	bool pwt = value & PT_PWT_MASK;

	return pat << 2 | pcd << 1 | pwt;
}

static void decode_ept(struct km_spte *spte, const struct km_spte_masks *masks)
{
	uint64_t value = spte->value;

	spte->r = value & VMX_EPT_READABLE_MASK;
	spte->w = value & VMX_EPT_WRITABLE_MASK;
	spte->x = value & VMX_EPT_EXECUTABLE_MASK;
	spte->xu = masks->layout->xs_xu && (value & VMX_EPT_USER_EXECUTABLE_MASK);
	spte->suppress_ve = value & VMX_EPT_SUPPRESS_VE_BIT;
	if (spte->leaf) {
		spte->memtype = (value >> VMX_EPT_MT_EPTE_SHIFT) & 7;
		spte->ignore_pat = value & VMX_EPT_IPAT_BIT;
	}
}

static void decode_x86(struct km_spte *spte)
{
	uint64_t value = spte->value;

	spte->r = value & PT_PRESENT_MASK;
	spte->w = value & PT_WRITABLE_MASK;
	spte->x = !(value & PT64_NX_MASK);
	spte->u = value & PT_USER_MASK;
	if (spte->leaf)
		spte->memtype = pat_index(value, spte->large);
}

static void decode_present(struct km_spte *spte, const struct km_spte_masks *masks)
{
	uint64_t value = spte->value;

	spte->large = spte->level != PG_LEVEL_4K && (value & PT_PAGE_SIZE_MASK);
	spte->leaf = !spte->level || km_is_last_spte(value, spte->level);
	if (masks->paging == KM_PAGING_EPT)
		decode_ept(spte, masks);
	else
		decode_x86(spte);
	spte->accessed = km_is_accessed_spte(masks, value);
	spte->dirty = km_is_dirty_spte(masks, value);
	spte->ad = km_spte_ad(masks, value);
	spte->host_writable = spte->leaf && (value & masks->host_writable);
	spte->mmu_writable = spte->leaf && (value & masks->mmu_writable);
	spte->access_tracked = km_is_access_track_spte(masks, value);
	if (spte->access_tracked)
		spte->restored = km_restore_acc_track_spte(masks, value);
	spte->pfn = (value & masks->base_addr_mask) >> PAGE_SHIFT;
	spte->encrypted = value & masks->me_value;
	spte->acc = km_spte_acc(masks, value, masks->layout->acc);
}

struct km_spte km_spte_decode(const struct km_spte_masks *masks, uint64_t value, int level)
{
	struct km_spte spte = {
		.value = value,
		.level = km_is_level(level) ? level : 0,
		.kind = spte_kind(masks, value),
		.memtype = -1,
	};

	if (spte.kind == KM_SPTE_PRESENT) {
		decode_present(&spte, masks);
	} else if (spte.kind == KM_SPTE_MMIO) {
		spte.mmio_generation = km_get_mmio_spte_generation(masks, value);
		spte.mmio_gfn = km_get_mmio_spte_gfn(masks, value);
		spte.mmio_access = value & masks->mmio_access;
	}
	return spte;
}

uint64_t km_rsvd_spte(const struct km_spte_masks *masks, const struct km_rsvd_bits *rsvd,
		      uint64_t spte, int level, bool *bad_mt_xwr)
{
	uint64_t mt_xwr = spte;

	if (masks->layout->xs_xu && (spte & VMX_EPT_USER_EXECUTABLE_MASK))
		mt_xwr |= VMX_EPT_EXECUTABLE_MASK;
	if (bad_mt_xwr)
		*bad_mt_xwr = rsvd->bad_mt_xwr & KM_BIT(mt_xwr & 0x3f);
	if (!km_is_level(level))
		return 0;
	return spte & rsvd->rsvd_bits_mask[!!(spte & PT_PAGE_SIZE_MASK)][level - 1];
}
