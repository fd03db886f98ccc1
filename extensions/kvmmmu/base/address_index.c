// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/address_index.h"

#include <stdlib.h>

/* The slot that contains @address, or the free one where it belongs. There is a free one. */
static struct km_address_slot *slot_of(const struct km_address_index *index, uint64_t address)
{
	size_t mask = index->size - 1, i = address * 0x9e3779b97f4a7c15ULL >> 32 & mask;

	while (index->slots[i].position && index->slots[i].address != address)
		i = (i + 1) & mask;
	return &index->slots[i];
}

static bool grow(struct km_address_index *index)
{
	struct km_address_index larger = {.size = index->size ? 2 * index->size : 64,
					  .count = index->count};

	larger.slots = calloc(larger.size, sizeof(*larger.slots));
	if (!larger.slots)
		return false;
	for (size_t i = 0; i < index->size; i++) {
		if (index->slots[i].position)
			*slot_of(&larger, index->slots[i].address) = index->slots[i];
	}
	free(index->slots);
	*index = larger;
	return true;
}

bool km_address_index_add(struct km_address_index *index, uint64_t address, size_t position)
{
	struct km_address_slot *slot;

	if (2 * index->count >= index->size && !grow(index))
		return false;
	slot = slot_of(index, address);
	if (slot->position)
		return true;
	*slot = (struct km_address_slot){address, (uint32_t)position + 1};
	index->count++;
	return true;
}

bool km_address_index_find(const struct km_address_index *index, uint64_t address, size_t *position)
{
	const struct km_address_slot *slot = index->size ? slot_of(index, address) : NULL;

	if (!slot || !slot->position)
		return false;
	*position = slot->position - 1;
	return true;
}

void km_address_index_deinit(struct km_address_index *index)
{
	free(index->slots);
	*index = (struct km_address_index){0};
}
