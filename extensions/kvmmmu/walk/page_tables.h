/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All page-table pages below the roots of some MMUs, each once: for a capsule.
 */
#ifndef KVMMMU_PAGE_TABLES_H
#define KVMMMU_PAGE_TABLES_H

#include "kvm/mmu.h"

struct km_table_page {
	uint64_t pa;
	int level; /* 0: not proven to be a page-table page */
};

struct km_page_tables {
	struct km_table_page *pages; /* in the order in which they were found */
	size_t count, room;
	size_t done;	   /* pages whose entries were read */
	uint32_t *set;	   /* hash table by address: index in @pages plus 1 */
	size_t set_size;   /* a power of two */
	uint64_t limit;	   /* maximum number of pages */
	bool limit_hit;	   /* there are more */
	uint64_t left_out; /* pages in entries that are not proven to be page-table pages */
};

/*
 * Read every page below the roots of @mmu (root, prev_roots, mirror root, pae_root) that is not in
 * @tables yet, and its kvm_mmu_page. A page is read only if its kvm_mmu_page points back to it, so
 * that corrupt tables are not followed. Errors: Ctrl-C, out of memory.
 */
km_error *km_page_tables_add(struct km_page_tables *tables, const struct km_kernel *kernel,
			     const struct km_spte_masks *masks, const struct km_mmu *mmu);

void km_page_tables_deinit(struct km_page_tables *tables);

#endif
