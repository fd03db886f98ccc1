// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/sorted.h"

#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void km_sort(uint64_t *numbers, size_t count)
{
	if (count)
		qsort(numbers, count, sizeof(*numbers), ascending);
}

bool km_sorted_have(const uint64_t *numbers, size_t count, uint64_t number)
{
	return count && bsearch(&number, numbers, count, sizeof(number), ascending);
}
