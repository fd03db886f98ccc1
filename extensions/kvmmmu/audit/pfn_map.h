/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The address of the VMM at which each page frame was found first. */
#ifndef KVMMMU_PFN_MAP_H
#define KVMMMU_PFN_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct km_pfn_map {
	struct km_pfn_entry *entries; /* a hash table */
	size_t size, count;	      /* size: a power of two */
};

/*
 * Put the page frame at @pa, mapped at @hva, unless it is there. *@first: where it was found first.
 * False: out of memory, or there are more than a million.
 */
bool km_pfn_map_put(struct km_pfn_map *map, uint64_t pa, uint64_t hva, uint64_t *first);
void km_pfn_map_deinit(struct km_pfn_map *map);

#endif
