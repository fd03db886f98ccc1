/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shadow page-table entries: what the bits of one SPTE say. Mirrors arch/x86/kvm/mmu/spte.h and,
 * for the test that asked about SPTEs before 7.3, is_access_allowed().
 */
#ifndef KVMMMU_SPTE_H
#define KVMMMU_SPTE_H

#include "access.h"

/*
 * Placement of software bits that is macro-only in the kernel, hence in no type information: one
 * row a generation, chosen by probed features (7.2 and later have shadow_xs_mask).
 */
struct km_spte_layout {
	const char *name; /* for people: "6.1", "7.2" */
	enum km_acc_format acc;
	uint64_t mmu_present_mask;		      /* SPTE_MMU_PRESENT_MASK */
	unsigned tdp_ad_shift;			      /* SPTE_TDP_AD_SHIFT; two bits */
	uint64_t ept_host_writable, ept_mmu_writable; /* for --as; else from the variables */
	uint64_t acc_track_saved_mask;	/* SHADOW_ACC_TRACK_SAVED_BITS_MASK, unshifted */
	unsigned acc_track_saved_shift; /* SHADOW_ACC_TRACK_SAVED_BITS_SHIFT */
	unsigned mmio_gen_low_start, mmio_gen_low_end;
	unsigned mmio_gen_high_start, mmio_gen_high_end;
	uint64_t frozen;       /* FROZEN_SPTE (REMOVED_SPTE), without bit 63 */
	bool frozen_any_bit63; /* 6.1 has no bit 63 in it, 6.12 has: accept both */
	bool xs_xu;	       /* shadow_xs_mask and shadow_xu_mask instead of shadow_x_mask */
	bool accessed_always; /* shadow_accessed_mask tells even where the A/D type says disabled */
};

enum km_spte_generation {
	KM_SPTE_6_1, /* 5.13 or so to 7.1: also 6.12 */
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

/* The shadow_*_mask variables as they stand in the dump, and what else an SPTE's meaning needs. */
struct km_spte_masks {
	const struct km_spte_layout *layout;
	enum km_paging paging;
	uint64_t host_writable, mmu_writable;
	uint64_t nx, user;
	uint64_t x;  /* shadow_x_mask; with layout->xs_xu shadow_xs_mask */
	uint64_t xu; /* shadow_xu_mask, or 0 */
	uint64_t accessed, dirty, present;
	uint64_t mmio_value; /* the VM's own where it has one */
	uint64_t mmio_mask, mmio_access;
	uint64_t me_value, me_mask;
	uint64_t acc_track;
	uint64_t nonpresent_or_rsvd, nonpresent_or_rsvd_lower_gfn;
	uint64_t base_addr_mask; /* SPTE_BASE_ADDR_MASK; honours physical_mask under SME */
	bool ad_enabled;	 /* kvm_ad_enabled */
	bool mmio_caching;	 /* enable_mmio_caching */
};

/*
 * The masks as KVM sets them up on a machine with no memory encryption and A/D bits, for decoding a
 * number without a dump (--as). Mirrors kvm_mmu_reset_all_pte_masks() and kvm_mmu_set_ept_masks().
 */
struct km_spte_masks km_spte_default_masks(enum km_paging paging, enum km_spte_generation gen);

/* What kind of thing a 64-bit value found in a shadow page table is. */
enum km_spte_kind {
	KM_SPTE_EMPTY,	     /* no translation: 0, or only bit 63 */
	KM_SPTE_FROZEN,	     /* FROZEN_SPTE (REMOVED_SPTE): being changed by someone */
	KM_SPTE_MMIO,	     /* is_mmio_spte() */
	KM_SPTE_PRESENT,     /* MMU-present */
	KM_SPTE_NOT_PRESENT, /* bits set, yet not MMU-present, nor any of the above */
};

enum km_spte_ad {
	KM_AD_ENABLED,
	KM_AD_DISABLED,
	KM_AD_WRPROT_ONLY,
	KM_AD_INVALID, /* both bits: no kernel makes that */
};

struct km_spte {
	uint64_t value;
	int level;
	enum km_spte_kind kind;

	/* present only */
	bool leaf, large; /* large: bit 7 of an entry above 4 KiB */
	/*
	 * As the processor's bits say. EPT: r, w, x (XS under MBEC), xu (bit 10, where
	 * layout->xs_xu), no u. Others: r is P, x is NX=0, u, no xu.
	 */
	bool r, w, x, xu, u;
	bool accessed, dirty;
	enum km_spte_ad ad;
	bool host_writable, mmu_writable; /* leaf only */
	bool access_tracked;		  /* is_access_track_spte() */
	uint64_t restored;		  /* restore_acc_track_spte(), if access_tracked */
	uint64_t pfn;			  /* host page frame (of the child table or of the page) */
	bool encrypted;			  /* me_value bits set */
	int memtype;	  /* leaf, EPT: bits 5:3 (MTRR type); leaf, others: PAT index; -1 if n/a */
	bool ignore_pat;  /* EPT leaf: bit 6 */
	bool suppress_ve; /* EPT: bit 63 */

	/* MMIO only */
	uint64_t mmio_generation;
	uint64_t mmio_gfn;
	unsigned mmio_access; /* ACC_* bits kept in it, where mmio_access mask is non-zero */

	/* Rights as spte_permission_fault() gathers them; ACC_* of layout->acc. Present only. */
	unsigned acc;
};

/*
 * Decodes @value found at @level (1 = 4 KiB). A level outside 1..5 is unknown, and becomes 0 in the
 * answer: the entry is taken for a leaf, a large one if bit 7 is set.
 */
struct km_spte km_spte_decode(const struct km_spte_masks *masks, uint64_t value, int level);

/*
 * The rights of an entry as ACC_* of @format. KM_ACC_RWUX: as spte_permission_fault() gathers them,
 * from entries of any generation; where KVM did not know XU yet (layout->xs_xu unset), XU is X.
 * KM_ACC_UWX: as make_spte() spread them while that was the format.
 */
unsigned km_spte_acc(const struct km_spte_masks *masks, uint64_t spte, enum km_acc_format format);

/* is_frozen_spte() (is_removed_spte()) */
bool km_is_frozen_spte(const struct km_spte_masks *masks, uint64_t spte);

/* is_mmio_spte(): says nothing about MMU-present entries */
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

/* is_dirty_spte(); where KVM has none any more, what make_spte() leaves: shadow_dirty_mask */
bool km_is_dirty_spte(const struct km_spte_masks *masks, uint64_t spte);

/* is_executable_pte() */
bool km_is_executable_pte(const struct km_spte_masks *masks, uint64_t spte);

/* is_writable_pte() */
static inline bool km_is_writable_pte(uint64_t spte)
{
	return spte & KM_BIT(1);
}

/* is_shadow_present_pte() */
static inline bool km_is_shadow_present_pte(const struct km_spte_masks *masks, uint64_t spte)
{
	return spte & masks->layout->mmu_present_mask;
}

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
 * Bits of the memslots generation that an MMIO SPTE keeps: MMIO_SPTE_GEN_MASK.
 */
uint64_t km_mmio_spte_gen_mask(const struct km_spte_masks *masks);

/*
 * restore_acc_track_spte(). With layout->accessed_always fast_page_fault() also sets
 * masks->accessed in what it returns.
 */
uint64_t km_restore_acc_track_spte(const struct km_spte_masks *masks, uint64_t spte);

/*
 * Reserved bits as KVM keeps them to check its own SPTEs: kvm_mmu.fmt (7.3), before that
 * kvm_mmu.shadow_zero_check.
 */
struct km_rsvd_bits {
	uint64_t rsvd_bits_mask[2][5];
	uint64_t bad_mt_xwr;
};

/*
 * Reserved bits that are set in @spte at @level, 0 if none (or if the level is outside 1..5);
 * *@bad_mt_xwr (NULL is fine) tells whether its memory type and XWR bits are a combination that the
 * table forbids. Mirrors is_rsvd_spte().
 */
uint64_t km_rsvd_spte(const struct km_spte_masks *masks, const struct km_rsvd_bits *rsvd,
		      uint64_t spte, int level, bool *bad_mt_xwr);

#endif
