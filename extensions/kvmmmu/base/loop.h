/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loops in lists of the target, which may be torn or corrupted, however long the lists are. */
#ifndef KVMMMU_LOOP_H
#define KVMMMU_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/* Progress along a list, with an earlier position (Brent's algorithm); {0} at its beginning. */
struct km_loop {
	uint64_t mark, steps;
};

/*
 * Take a step to the element at @at, which is not 0. Return true if the list has returned to an
 * earlier position: this is noticed after at most three times as many steps as there are elements.
 */
static inline bool km_loop_step(struct km_loop *loop, uint64_t at)
{
	if (at == loop->mark)
		return true;
	if (!(loop->steps & (loop->steps - 1)))
		loop->mark = at;
	loop->steps++;
	return false;
}

#endif
