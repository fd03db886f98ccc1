/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arrays of addresses and other 64-bit numbers in ascending order. */
#ifndef KVMMMU_SORTED_H
#define KVMMMU_SORTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sort @numbers; NULL if @count is 0. */
void km_sort(uint64_t *numbers, size_t count);

/* Do the sorted @numbers contain @number? */
bool km_sorted_have(const uint64_t *numbers, size_t count, uint64_t number);

#endif
