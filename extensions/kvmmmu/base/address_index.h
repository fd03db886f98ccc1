/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds the position of an address in a list that grows. */
#ifndef KVMMMU_ADDRESS_INDEX_H
#define KVMMMU_ADDRESS_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct km_address_slot {
	uint64_t address;
	uint32_t position; /* plus one; 0: the slot is free */
};

/* All zero: empty. */
struct km_address_index {
	struct km_address_slot *slots; /* a hash table */
	size_t size, count;
};

/* Add @address, unless it is there already. Return false if memory is exhausted. */
bool km_address_index_add(struct km_address_index *index, uint64_t address, size_t position);

/* Set *@position to that of @address. Return false if it is not there. */
bool km_address_index_find(const struct km_address_index *index, uint64_t address,
			   size_t *position);

void km_address_index_deinit(struct km_address_index *index);

#endif
