/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walk shadow page tables over a range of addresses: each page-table page is read once, and runs of
 * similar entries are reported.
 */
#ifndef KVMMMU_WALK_RANGE_H
#define KVMMMU_WALK_RANGE_H

#include "walk/walk.h"

/* Consecutive entries of one level that differ only in the page frame. */
struct km_run {
	uint64_t addr; /* the first address, within the range */
	uint64_t bytes;
	uint64_t entries; /* 0: the walk ended above any entry */
	enum km_walk_end end;
	bool uncovered;	     /* KM_END_UNREADABLE: the capsule does not cover it */
	struct km_spte spte; /* the first entry; its level is meaningless for holes */
};

struct km_walk_range {
	uint64_t addr, last; /* what was walked, including the byte @last */
	enum km_walk_address meaning;
	int root_level;
	uint64_t pages; /* page-table pages that were read */
	bool limit_hit; /* there are more: continue at @next */
	uint64_t next;
};

/* Do the two differ only in the page frame? */
bool km_run_alike(const struct km_spte_masks *masks, const struct km_run *a,
		  const struct km_run *b);

/* Called for each run, in address order. */
typedef void km_run_fn(void *arg, const struct km_run *run);

/*
 * Walk from @addr to @last (the last byte) in @mmu. At most @limit page-table pages are read, which
 * also ends loops in the tables. The range ends where the root cannot map further addresses. The
 * only error is Ctrl-C.
 */
km_error *km_walk_range(const struct km_kernel *kernel, const struct km_spte_masks *masks,
			const struct km_mmu *mmu, uint64_t addr, uint64_t last, uint64_t limit,
			km_run_fn *take, void *arg, struct km_walk_range *range);

#endif
