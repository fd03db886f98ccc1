/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walking shadow page tables over a range of addresses: each page-table page is read once, and what
 * is there is told as runs of entries that are alike.
 */
#ifndef KVMMMU_WALK_RANGE_H
#define KVMMMU_WALK_RANGE_H

#include "walk.h"

/* Consecutive entries of one level that differ in nothing but the page frame. */
struct km_run {
	uint64_t addr; /* the first that they translate, within the range */
	uint64_t bytes;
	uint64_t entries; /* 0: the walk ended above any entry */
	enum km_walk_end end;
	bool uncovered;	     /* KM_END_UNREADABLE: the capsule does not cover it */
	struct km_spte spte; /* the first of them; of holes the level says nothing */
};

struct km_walk_range {
	uint64_t addr, last; /* what was walked, last byte included */
	enum km_walk_address meaning;
	int root_level;
	uint64_t pages; /* page-table pages read */
	bool limit_hit; /* there are more: go on at @next */
	uint64_t next;
};

/* Do the two say the same, but for the page frame? */
bool km_run_alike(const struct km_spte_masks *masks, const struct km_run *a,
		  const struct km_run *b);

/* Takes a run; in the order of their addresses. */
typedef void km_run_fn(void *arg, const struct km_run *run);

/*
 * Walks from @addr to @last (the last byte) in @mmu; at most @limit page-table pages are read,
 * which also bounds tables that lead in circles. An address beyond what the root can map ends the
 * range. Errors only for Ctrl-C.
 */
km_error *km_walk_range(const struct km_kernel *kernel, const struct km_spte_masks *masks,
			const struct km_mmu *mmu, uint64_t addr, uint64_t last, uint64_t limit,
			km_run_fn *take, void *arg, struct km_walk_range *range);

#endif
