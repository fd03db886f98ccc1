/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All page-table pages below the roots of some MMUs, each once: for whoever records them.
 */
#ifndef KVMMMU_PAGE_TABLES_H
#define KVMMMU_PAGE_TABLES_H

#include "mmu.h"

struct km_table_page {
	uint64_t pa;
	int level; /* 0: nothing proves that it is a page-table page */
};

struct km_page_tables {
	struct km_table_page *pages; /* in the order in which they were found */
	size_t count, room;
	size_t done;	   /* of those, entries looked at */
	uint32_t *set;	   /* numbers in pages, plus 1, by address */
	size_t set_size;   /* a power of two */
	uint64_t limit;	   /* pages at most */
	bool limit_hit;	   /* there are more */
	uint64_t left_out; /* pages that tables point to and that were not proven to be tables */
};

/*
 * Reads every page below the roots of @mmu (root, prev_roots, mirror root, pae_root) that is not
 * among @tables yet, whole, as well as its kvm_mmu_page. A page is only read where its own
 * kvm_mmu_page points back to it: torn tables lead nowhere. Errors: interrupted, out of memory.
 */
km_error *km_page_tables_add(struct km_page_tables *tables, const struct km_kernel *kernel,
			     const struct km_spte_masks *masks, const struct km_mmu *mmu);

void km_page_tables_deinit(struct km_page_tables *tables);

#endif
