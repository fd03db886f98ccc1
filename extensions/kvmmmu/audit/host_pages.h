/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The VMM's own page tables, for many addresses in ascending order: each is read once. */
#ifndef KVMMMU_HOST_PAGES_H
#define KVMMMU_HOST_PAGES_H

#include "walk/host_walk.h"
#include "walk/page_tables.h"

struct km_host_page {
	bool present, writable;
	uint64_t value; /* of the entry */
	uint64_t pa;	/* if present */
	uint64_t bytes; /* from the address to the end of the page */
};

/* The page table of the last address. */
struct km_host_pages {
	const struct km_kernel *kernel;
	const struct km_vm *vm;
	bool has, readable, whole; /* @whole: one entry maps all 2 MiB or more, or nothing */
	uint64_t region;	   /* address >> 21 */
	struct km_host_pte pte;	   /* of the first address */
	uint64_t entries[KM_TABLE_ENTRIES];
};

/* Find what is mapped at @hva. Return false if it is not readable. */
bool km_host_page_at(struct km_host_pages *pages, uint64_t hva, struct km_host_page *page);

/*
 * Are @count pages from @hva on, of one page table, mapped to the page frames in @sptes, whose bits
 * @pfn_mask are the address, and writable if @writable? False also if that is not known, or if the
 * pages are parts of larger ones.
 */
bool km_host_pages_fit(struct km_host_pages *pages, uint64_t hva, const uint64_t *sptes,
		       unsigned count, uint64_t pfn_mask, bool writable);

#endif
