// SPDX-License-Identifier: GPL-2.0-or-later
#include "audit/pfn_map.h"

#include <stdlib.h>
#include <string.h>

#define MOST_PFNS (1u << 20) /* 32 MB */

struct km_pfn_entry {
	uint64_t pa; /* plus one; 0: free */
	uint64_t hva;
};

static struct km_pfn_entry *find(struct km_pfn_entry *entries, size_t size, uint64_t pa)
{
	size_t i = (pa >> 12) * 0x9e3779b97f4a7c15ULL >> 32 & (size - 1);

	while (entries[i].pa && entries[i].pa != pa + 1)
		i = (i + 1) & (size - 1);
	return &entries[i];
}

static bool grow(struct km_pfn_map *map)
{
	size_t size = map->size ? 2 * map->size : 1024;
	struct km_pfn_entry *entries = calloc(size, sizeof(*entries));

	if (!entries)
		return false;
	for (size_t i = 0; i < map->size; i++) {
		if (map->entries[i].pa)
			*find(entries, size, map->entries[i].pa - 1) = map->entries[i];
	}
	free(map->entries);
	map->entries = entries;
	map->size = size;
	return true;
}

bool km_pfn_map_put(struct km_pfn_map *map, uint64_t pa, uint64_t hva, uint64_t *first)
{
	struct km_pfn_entry *entry;

	if (2 * map->count >= map->size && (map->count >= MOST_PFNS || !grow(map)))
		return false;
	entry = find(map->entries, map->size, pa);
	if (!entry->pa) {
		*entry = (struct km_pfn_entry){pa + 1, hva};
		map->count++;
	}
	*first = entry->hva;
	return true;
}

void km_pfn_map_deinit(struct km_pfn_map *map)
{
	free(map->entries);
	memset(map, 0, sizeof(*map));
}
