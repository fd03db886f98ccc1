/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walk shadow page tables: the entries from the root to an address. Mirrors for_each_shadow_entry()
 * and shadow_walk_init() of arch/x86/kvm/mmu/mmu.c.
 */
#ifndef KVMMMU_WALK_H
#define KVMMMU_WALK_H

#include "rules/judges.h"
#include "kvm/mmu.h"

#define KM_WALK_LEVELS 5

/* What kind of address an MMU translates. */
enum km_walk_address {
	KM_ADDR_GPA,	/* L1 guest-physical (TDP, or paging disabled) */
	KM_ADDR_GVA,	/* guest-virtual (shadow paging) */
	KM_ADDR_L2_GPA, /* guest-physical of a nested guest */
};

enum km_walk_end {
	KM_END_LEAF,	    /* a present leaf */
	KM_END_NOT_PRESENT, /* an entry that is not MMU-present (empty, frozen, MMIO, ...) */
	KM_END_UNREADABLE,  /* the page-table page is not in the dump, or not in the capsule */
	KM_END_NO_ROOT,	    /* root.hpa is INVALID_PAGE */
	KM_END_DUMMY_ROOT,  /* root is the zero page: no memslot contains the guest's CR3 */
	KM_END_TOO_WIDE,    /* a root of this level cannot map the address */
	KM_END_TORN,	    /* the tables are inconsistent */
};

/* The kvm_mmu_page of a page-table page. */
struct km_mmu_page {
	bool known;    /* to_shadow_page() is readable */
	uint64_t addr; /* 0: none, e.g. a special root */
	struct km_val tdp_mmu_page, unsync, mmu_valid_gen, nx_huge_page_disallowed;
	struct km_val gfn, root_count;
	bool role_known;
	struct km_page_role role;
};

/*
 * The first gfn that entry @index of a direct page table maps: @gfn and @level are the table's.
 * Mirrors kvm_mmu_page_get_gfn().
 */
static inline uint64_t km_entry_gfn(uint64_t gfn, unsigned index, int level)
{
	return gfn + ((uint64_t)index << 9 * (level - 1));
}

struct km_walk_level {
	int level;
	uint64_t table_pa; /* of the page-table page; virtual address of pae_root */
	unsigned index;	   /* of the entry */
	bool special;	   /* an entry of pae_root: not an SPTE, without rights */
	struct km_spte spte;
	struct km_mmu_page sp; /* of the page-table page */
	const char *oddity;    /* how role or gfn of @sp contradict the walk, or NULL */
};

struct km_walk {
	uint64_t addr;
	enum km_walk_address meaning;
	bool mirror; /* below mmu.mirror_root_hpa: a private address of TDX */
	int root_level;
	struct km_walk_level levels[KM_WALK_LEVELS];
	size_t count; /* entries that were read, root first */
	enum km_walk_end end;
	int end_level;	/* of the last entry, or the one that is not readable */
	bool uncovered; /* not readable because the capsule does not cover it */
};

/* Walk @addr (in bytes) in @mmu. The only error is Ctrl-C; see walk->end for everything else. */
km_error *km_walk(const struct km_kernel *kernel, const struct km_spte_masks *masks,
		  const struct km_mmu *mmu, uint64_t addr, struct km_walk *walk);

/*
 * Start a walk of @addr. Return true if it continues with the page-table page at *@table, whose
 * entries have *@level; otherwise @walk contains where and why it ended.
 */
bool km_walk_start(const struct km_kernel *kernel, const struct km_spte_masks *masks,
		   const struct km_mmu *mmu, uint64_t addr, struct km_walk *walk, uint64_t *table,
		   int *level);

/* Read of the kvm_mmu_page what proves that the page at physical address @pa is a page-table page:
 * its role and gfn. */
void km_mmu_page_read_key(const struct km_kernel *kernel, uint64_t pa, struct km_mmu_page *sp);

/* Read the kvm_mmu_page of the page-table page at physical address @pa. */
void km_mmu_page_read(const struct km_kernel *kernel, uint64_t pa, struct km_mmu_page *sp);

/* Is @root the dummy root, used if no memslot contains the guest's CR3? */
bool km_is_dummy_root(const struct km_kernel *kernel, uint64_t root);

/* The recorder's label of the four entries of pae_root. */
#define KM_PAE_ROOT "pae_root entry"

/* The kind of address that @mmu translates, and its name for output. */
enum km_walk_address km_mmu_address_meaning(const struct km_mmu *mmu);
const char *km_walk_address_text(enum km_walk_address meaning);

/* The root of the walk in @mmu. */
static inline struct km_val km_walk_root(const struct km_walk *walk, const struct km_mmu *mmu)
{
	return walk->mirror ? mmu->mirror_root_hpa : mmu->root.hpa;
}

/* The last entry that was read; NULL: none. */
static inline const struct km_walk_level *km_walk_last(const struct km_walk *walk)
{
	return walk->count ? &walk->levels[walk->count - 1] : NULL;
}

/* Print where and why the walk ended into @buf. Return @buf. */
char *km_walk_end_text(const struct km_walk *walk, char *buf, size_t size);

/* The size that an entry at @level maps: "4K", "2M", "1G", ... */
const char *km_level_size_text(int level);

#endif
