/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reverse mappings: which SPTEs map a gfn, or point to a shadow page. struct kvm_rmap_head. */
#ifndef KVMMMU_RMAP_H
#define KVMMMU_RMAP_H

#include "kvm/memslots.h"

enum km_rmap_answer {
	KM_RMAP_UNKNOWN, /* not readable */
	KM_RMAP_LACKS,
	KM_RMAP_HAS,
};

/* Is the SPTE at @sptep in the list whose kvm_rmap_head is @head? Mirrors pte_list_remove(). */
enum km_rmap_answer km_rmap_search(const struct km_kernel *kernel, uint64_t head, uint64_t sptep);

/* Called for each SPTE of a list. Return false to stop. */
typedef bool km_rmap_fn(void *arg, uint64_t sptep);

/*
 * Call @fn for each SPTE in the list whose kvm_rmap_head is @head, newest first. Return false if a
 * part of it is not readable, or if it is a circle. Mirrors for_each_rmap_spte().
 */
bool km_rmap_each(const struct km_kernel *kernel, uint64_t head, km_rmap_fn *fn, void *arg);

/*
 * kvm_rmap_head.val of @gfn of @slot at @level; unreadable also if the slot has no rmaps, as in VMs
 * without shadow pages. Mirrors gfn_to_rmap().
 */
struct km_val km_gfn_to_rmap(const struct km_kernel *kernel, const struct km_memslot *slot,
			     uint64_t gfn, int level);

#endif
