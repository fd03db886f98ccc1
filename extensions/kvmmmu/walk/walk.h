/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walking shadow page tables: every entry on the way down to an address, as for_each_shadow_entry()
 * and shadow_walk_init() of arch/x86/kvm/mmu/mmu.c go.
 */
#ifndef KVMMMU_WALK_H
#define KVMMMU_WALK_H

#include "judges.h"
#include "mmu.h"

#define KM_WALK_LEVELS 5

/* What walks an address means: which one the MMU translates. */
enum km_walk_address {
	KM_ADDR_GPA,	/* L1 guest-physical (TDP, or paging off) */
	KM_ADDR_GVA,	/* guest-virtual (shadow paging) */
	KM_ADDR_L2_GPA, /* guest-physical of a nested guest */
};

enum km_walk_end {
	KM_END_LEAF,	    /* a present leaf */
	KM_END_NOT_PRESENT, /* an entry that is not MMU-present (empty, frozen, MMIO, ...) */
	KM_END_UNREADABLE,  /* the page-table page is not in the dump, or not in the capsule */
	KM_END_NO_ROOT,	    /* root.hpa is INVALID_PAGE */
	KM_END_DUMMY_ROOT,  /* root is the zero page: the guest's CR3 is not backed */
	KM_END_TOO_WIDE,    /* the address is beyond what the root level can map */
	KM_END_TORN,	    /* the tables contradict themselves */
};

/* A page-table page's kvm_mmu_page. */
struct km_mmu_page {
	bool known;    /* to_shadow_page() was readable */
	uint64_t addr; /* 0: none, as special roots have */
	struct km_val tdp_mmu_page, unsync, mmu_valid_gen, nx_huge_page_disallowed;
	struct km_val gfn, root_count;
	bool role_known;
	struct km_page_role role;
};

struct km_walk_level {
	int level;
	uint64_t table_pa; /* of the page-table page; or VA for pae_root */
	unsigned index;	   /* of the entry */
	bool special;	   /* an entry of pae_root: no SPTE, no rights */
	struct km_spte spte;
	struct km_mmu_page sp; /* of the page-table page */
	const char *oddity;    /* how role or gfn of sp do not fit the walk, or NULL */
};

struct km_walk {
	uint64_t addr;
	enum km_walk_address meaning;
	int root_level;
	struct km_walk_level levels[KM_WALK_LEVELS];
	size_t count; /* entries that were read, root first */
	enum km_walk_end end;
	int end_level;	/* level of the entry that could not be read or was the last */
	bool uncovered; /* unreadable because the capsule does not cover it */
};

/* Walks @addr (bytes) in @mmu. Errors only for Ctrl-C; everything else is in the walk's end. */
km_error *km_walk(const struct km_kernel *kernel, const struct km_spte_masks *masks,
		  const struct km_mmu *mmu, uint64_t addr, struct km_walk *walk);

/*
 * Begins a walk of @addr: whether it goes on with the page-table page at *@table, whose entries are
 * of *@level; else @walk tells where and why it ended.
 */
bool km_walk_start(const struct km_kernel *kernel, const struct km_spte_masks *masks,
		   const struct km_mmu *mmu, uint64_t addr, struct km_walk *walk, uint64_t *table,
		   int *level);

/* Reads the kvm_mmu_page of the page-table page at physical address @pa. */
void km_mmu_page_read(const struct km_kernel *kernel, uint64_t pa, struct km_mmu_page *sp);

/* Is it the root that stands for a guest CR3 that is not backed? */
bool km_is_dummy_root(const struct km_kernel *kernel, uint64_t root);

/* What a recorder calls the four entries of pae_root. */
#define KM_PAE_ROOT "pae_root entry"

enum km_walk_address km_mmu_address_meaning(const struct km_mmu *mmu);
const char *km_walk_address_text(enum km_walk_address meaning);

/* The entry at which the walk ended, NULL if none was read. */
static inline const struct km_walk_level *km_walk_last(const struct km_walk *walk)
{
	return walk->count ? &walk->levels[walk->count - 1] : NULL;
}

/* One sentence on where and why the walk ended, into @buf. Returns @buf. */
char *km_walk_end_text(const struct km_walk *walk, char *buf, size_t size);

/* "4K", "2M", "1G"...: what an entry at @level maps. */
const char *km_level_size_text(int level);

#endif
