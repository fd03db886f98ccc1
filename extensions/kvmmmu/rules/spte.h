/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shadow page-table entries: what the bits of an SPTE mean. Mirrors arch/x86/kvm/mmu/spte.h.
 */
#ifndef KVMMMU_SPTE_H
#define KVMMMU_SPTE_H

#include "rules/access.h"

/*
 * Software bits that are macros in the kernel, so that no type information contains them: one row
 * per generation, chosen by features of the dump (7.2 and later have shadow_xs_mask).
 */
struct km_spte_layout {
	const char *name;    /* for output: "6.1", "7.2" */
	const char *kernels; /* for output: "5.13 to 6.9" */
	enum km_acc_format acc;
	uint64_t mmu_present_mask;	    /* SPTE_MMU_PRESENT_MASK; 0: none, before 5.13 */
	unsigned tdp_ad_shift, tdp_ad_mask; /* SPTE_TDP_AD_SHIFT; 3, or 1 before 5.3 */
	/* used with --as only; a dump has variables */
	uint64_t host_writable, mmu_writable, ept_host_writable, ept_mmu_writable;
	bool ept_suppress_ve;		/* likewise: present EPT entries have bit 63 */
	uint64_t acc_track_saved_mask;	/* SHADOW_ACC_TRACK_SAVED_BITS_MASK, unshifted */
	unsigned acc_track_saved_shift; /* SHADOW_ACC_TRACK_SAVED_BITS_SHIFT */
	unsigned mmio_gen_low_start, mmio_gen_low_end;
	unsigned mmio_gen_high_start, mmio_gen_high_end;
	unsigned mmio_gen_shift; /* lowest bit of the memslots generation that is stored */
	uint64_t mmio_special;	 /* SPTE_SPECIAL_MASK of MMIO SPTEs; 0: none, since 5.13 */
	bool mmio_special_only;	 /* is_mmio_spte() checks nothing else */
	uint64_t frozen;	 /* FROZEN_SPTE (REMOVED_SPTE), without bit 63; 0: none */
	bool frozen_any_bit63;	 /* 6.12 sets bit 63 in it, 6.1 does not: accept both */
	bool xs_xu;		 /* shadow_xs_mask and shadow_xu_mask instead of shadow_x_mask */
};

enum km_spte_generation {
	KM_SPTE_4_18, /* up to about 5.2 */
	KM_SPTE_5_10, /* about 5.3 to 5.12 */
	KM_SPTE_6_1,  /* 5.13 to 6.9; with a dump, also 6.10 to 7.1 */
	KM_SPTE_6_12, /* 6.10 to 7.1, if there is no dump: the same bits, with suppress #VE */
	KM_SPTE_7_2,
	KM_SPTE_GENERATIONS,
};

extern const struct km_spte_layout km_spte_layouts[KM_SPTE_GENERATIONS];

/* How the processor reads the tables. */
enum km_paging {
	KM_PAGING_EPT,
	KM_PAGING_NPT,
	KM_PAGING_SHADOW, /* plain x86 page tables, 64-bit entries */
};

/* The shadow_*_mask variables of the dump, and what else is needed to decode an SPTE. */
struct km_spte_masks {
	const struct km_spte_layout *layout;
	enum km_paging paging;
	uint64_t host_writable, mmu_writable;
	uint64_t nx, user;
	uint64_t x;  /* shadow_x_mask; with layout->xs_xu shadow_xs_mask */
	uint64_t xu; /* shadow_xu_mask, or 0 */
	uint64_t accessed, dirty, present;
	uint64_t mmio_value; /* the VM's own value if it has one */
	uint64_t mmio_mask, mmio_access;
	uint64_t me_value, me_mask;
	uint64_t acc_track;
	uint64_t nonpresent_or_rsvd, nonpresent_or_rsvd_lower_gfn;
	uint64_t gfn_direct_bits; /* kvm_arch's: in gfns of shared memory of TDX, not in sp->gfn */
	uint64_t base_addr_mask;  /* SPTE_BASE_ADDR_MASK; with SME, from physical_mask */
	bool ad_enabled;	  /* kvm_ad_enabled */
	bool mmio_caching;	  /* enable_mmio_caching */
	/*
	 * KVM uses shadow_accessed_mask even in entries whose A/D type is "disabled": since 6.13,
	 * 53510b912518 ("KVM: x86/mmu: Use Accessed bit even when _hardware_ A/D bits are
	 * disabled"), which made kvm_ad_enabled a variable.
	 */
	bool accessed_always;
};

/*
 * The masks that KVM sets on a machine with A/D bits, without memory encryption and L1TF, to decode
 * an SPTE without a dump (--as). Mirrors kvm_mmu_reset_all_pte_masks() and kvm_mmu_set_ept_masks().
 */
struct km_spte_masks km_spte_default_masks(enum km_paging paging, enum km_spte_generation gen);

/*
 * Add layout->mmio_special to the MMIO masks, as kvm_mmu_set_mmio_spte_mask() did before 5.13:
 * without shadow_mmio_mask, the special bits alone make an MMIO SPTE.
 */
void km_spte_masks_set_mmio_special(struct km_spte_masks *masks);

/* Change default masks to those of a machine whose EPT has no A/D bits (kvm_intel.eptad=0). */
void km_spte_masks_without_ad(struct km_spte_masks *masks);

/*
 * Change default masks to those of a machine with the L1TF mitigation for @cache_bits physical
 * address bits: MMIO SPTEs contain the gfn in two parts.
 */
void km_spte_masks_with_l1tf(struct km_spte_masks *masks, unsigned cache_bits);

/* What an entry of a shadow page table is. */
enum km_spte_kind {
	KM_SPTE_EMPTY,	     /* no translation: 0, or only bit 63 */
	KM_SPTE_FROZEN,	     /* FROZEN_SPTE (REMOVED_SPTE): another task is changing it */
	KM_SPTE_MMIO,	     /* is_mmio_spte() */
	KM_SPTE_PRESENT,     /* MMU-present */
	KM_SPTE_NOT_PRESENT, /* not MMU-present, and none of the above */
};

enum km_spte_ad {
	KM_AD_ENABLED,
	KM_AD_DISABLED,
	KM_AD_WRPROT_ONLY,
	KM_AD_INVALID, /* both bits: no kernel sets both */
};

struct km_spte {
	uint64_t value;
	int level;
	enum km_spte_kind kind;

	/* present only */
	bool leaf, large; /* large: bit 7 above level 1 */
	/*
	 * The bits that the processor checks. EPT: r, w, x (XS with MBEC), xu (bit 10, if
	 * layout->xs_xu), no u. Others: r is P, x is NX=0, u, no xu.
	 */
	bool r, w, x, xu, u;
	bool accessed, dirty;
	enum km_spte_ad ad;
	bool host_writable, mmu_writable; /* leaf only */
	bool access_tracked;		  /* is_access_track_spte() */
	uint64_t restored;		  /* restore_acc_track_spte(), if access_tracked */
	uint64_t pfn;			  /* host page frame of the child table or the page */
	bool encrypted;			  /* me_value bits set */
	int memtype;	  /* leaf: EPT: bits 5:3 (MTRR type), others: PAT index; else -1 */
	bool ignore_pat;  /* EPT leaf: bit 6 */
	bool suppress_ve; /* EPT: bit 63 */

	/* MMIO only */
	uint64_t mmio_generation;
	uint64_t mmio_gfn;
	unsigned mmio_access; /* the ACC_* bits in it, if the mask mmio_access is non-zero */

	/* present only: rights as in spte_permission_fault(); ACC_* of layout->acc */
	unsigned acc;
};

/*
 * Decode @value at @level (1 = 4 KiB). If the level is not 1 to 5, it is unknown: the result has
 * level 0, and the entry is decoded as a leaf, as a large one if bit 7 is set.
 */
struct km_spte km_spte_decode(const struct km_spte_masks *masks, uint64_t value, int level);

/*
 * The rights of an entry as ACC_* of @format. KM_ACC_RWUX: as spte_permission_fault() computes
 * them, for entries of any generation; XU is X in generations without it (layout->xs_xu unset).
 * KM_ACC_UWX: the reverse of make_spte() in the generations with that format.
 */
unsigned km_spte_acc(const struct km_spte_masks *masks, uint64_t spte, enum km_acc_format format);

/*
 * Does a non-leaf SPTE of a direct MMU lack a permission that make_nonleaf_spte() gives to all of
 * them? U counts without EPT, XU where the host has MBEC; NX counts as lacking X.
 */
bool km_nonleaf_spte_lacks(const struct km_spte_masks *masks, uint64_t spte);

/* is_frozen_spte() (is_removed_spte()) */
bool km_is_frozen_spte(const struct km_spte_masks *masks, uint64_t spte);

/* is_mmio_spte(): meaningless for MMU-present entries */
bool km_is_mmio_spte(const struct km_spte_masks *masks, uint64_t spte);

/* SPTE_TDP_AD_MASK of the entry */
enum km_spte_ad km_spte_ad(const struct km_spte_masks *masks, uint64_t spte);

/* spte_ad_enabled() */
static inline bool km_spte_ad_enabled(const struct km_spte_masks *masks, uint64_t spte)
{
	return km_spte_ad(masks, spte) != KM_AD_DISABLED;
}

/* spte_ad_need_write_protect() */
static inline bool km_spte_ad_need_write_protect(const struct km_spte_masks *masks, uint64_t spte)
{
	return km_spte_ad(masks, spte) != KM_AD_ENABLED;
}

/* is_access_track_spte() */
bool km_is_access_track_spte(const struct km_spte_masks *masks, uint64_t spte);

/* is_accessed_spte() */
bool km_is_accessed_spte(const struct km_spte_masks *masks, uint64_t spte);

/* is_dirty_spte(); in generations without it, shadow_dirty_mask, which make_spte() sets */
bool km_is_dirty_spte(const struct km_spte_masks *masks, uint64_t spte);

/* is_executable_pte() */
bool km_is_executable_pte(const struct km_spte_masks *masks, uint64_t spte);

/* is_writable_pte() */
static inline bool km_is_writable_pte(uint64_t spte)
{
	return spte & KM_BIT(1);
}

/* is_shadow_present_pte() */
bool km_is_shadow_present_pte(const struct km_spte_masks *masks, uint64_t spte);

/* is_last_spte() */
static inline bool km_is_last_spte(uint64_t spte, int level)
{
	return level == PG_LEVEL_4K || (spte & KM_BIT(7));
}

/* get_mmio_spte_generation() */
uint64_t km_get_mmio_spte_generation(const struct km_spte_masks *masks, uint64_t spte);

/* get_mmio_spte_gfn() */
uint64_t km_get_mmio_spte_gfn(const struct km_spte_masks *masks, uint64_t spte);

/*
 * Bits of the memslots generation that an MMIO SPTE contains: MMIO_SPTE_GEN_MASK.
 */
uint64_t km_mmio_spte_gen_mask(const struct km_spte_masks *masks);

/*
 * restore_acc_track_spte(). With masks->accessed_always, fast_page_fault() sets masks->accessed
 * in the result, too.
 */
uint64_t km_restore_acc_track_spte(const struct km_spte_masks *masks, uint64_t spte);

/*
 * The reserved bits that KVM checks its own SPTEs against: kvm_mmu.fmt (7.3), before that
 * kvm_mmu.shadow_zero_check.
 */
struct km_rsvd_bits {
	uint64_t rsvd_bits_mask[2][5];
	uint64_t bad_mt_xwr;
};

/*
 * The reserved bits that are set in @spte at @level; 0 if none, or if the level is not 1 to 5.
 * *@bad_mt_xwr, which may be NULL, is set to whether the table forbids the combination of memory
 * type and XWR bits. Mirrors is_rsvd_spte().
 */
uint64_t km_rsvd_spte(const struct km_spte_masks *masks, const struct km_rsvd_bits *rsvd,
		      uint64_t spte, int level, bool *bad_mt_xwr);

#endif
