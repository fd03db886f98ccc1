/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All page-table pages below the roots of some MMUs, each once: for a capsule and for audits.
 */
#ifndef KVMMMU_PAGE_TABLES_H
#define KVMMMU_PAGE_TABLES_H

#include "walk/walk.h"

#define KM_TABLE_ENTRIES 512

/* Why a page in an entry is not proven to be a page-table page. */
enum km_table_doubt {
	KM_TABLE_PROVEN,
	KM_TABLE_UNREAD,    /* struct page or kvm_mmu_page is not readable */
	KM_TABLE_NO_OWNER,  /* page_private() is 0: no kvm_mmu_page */
	KM_TABLE_OTHER_SPT, /* kvm_mmu_page.spt is another page */
	KM_TABLE_NOT_BELOW, /* kvm_mmu_page.role.level is not below that of the entry */
};

struct km_table_page {
	uint64_t pa;
	uint64_t gfn;	 /* that it maps first, by its place below a direct table */
	int level;	 /* 0: not proven to be a page-table page, see @doubt */
	uint32_t parent; /* position, plus one, of the page with the first entry that led here; 0:
			    a root */
	uint16_t index;	 /* of that entry */
	uint8_t doubt;	 /* enum km_table_doubt */
	bool gfn_known;	 /* it maps memory directly, from @gfn on */
	bool smm;	 /* role.smm of its root: its memslots are those of address space 1 */
	bool root_seen;	 /* for use by an audit: it was examined as a root */
	bool stale;	 /* its root is invalid or obsolete: no vCPU may enter the guest with it */
};

struct km_page_tables {
	struct km_table_page *pages; /* in the order in which they were found */
	size_t count, room;
	size_t done;	   /* pages whose entries were read */
	uint32_t *set;	   /* hash table by address: index in @pages plus 1 */
	size_t set_size;   /* a power of two */
	uint16_t *filter;  /* a bit for each page, 16 * @set_size of them */
	uint64_t limit;	   /* maximum number of pages */
	bool limit_hit;	   /* there are more */
	uint64_t left_out; /* pages in entries that are not proven to be page-table pages */
	/*
	 * Called once for each proven page, after the pages in its entries were added; NULL: not
	 * called. @sp: its kvm_mmu_page. @entries: NULL: the page is not readable. An error ends
	 * the search.
	 */
	km_error *(*visit)(void *arg, const struct km_table_page *page,
			   const struct km_mmu_page *sp, const uint64_t *entries);
	void *arg;
};

/*
 * Read every page below the roots of @mmu (root, prev_roots, mirror root, pae_root) that is not in
 * @tables yet, and its kvm_mmu_page. A page is read only if its kvm_mmu_page points back to it, so
 * that corrupt tables are not followed. Errors: Ctrl-C, out of memory, those of tables->visit().
 */
km_error *km_page_tables_add(struct km_page_tables *tables, const struct km_kernel *kernel,
			     const struct km_spte_masks *masks, const struct km_mmu *mmu);

/* Likewise for the root at physical address @pa and the pages below it. */
km_error *km_page_tables_add_root(struct km_page_tables *tables, const struct km_kernel *kernel,
				  const struct km_spte_masks *masks, uint64_t pa);

/* Return the page at @pa if it was found, else NULL. Valid until pages are added. */
const struct km_table_page *km_page_tables_find(const struct km_page_tables *tables, uint64_t pa);

/* False if the page frame @pfn is none of those found, of which there is at least one; quick. */
static inline bool km_page_tables_may_have(const struct km_page_tables *tables, uint64_t pfn)
{
	uint64_t bit = pfn & (16 * (uint64_t)tables->set_size - 1);

	return tables->filter[bit / 16] >> bit % 16 & 1;
}

void km_page_tables_deinit(struct km_page_tables *tables);

#endif
