/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory that is freed all at once. The answer about a host with thousands of vCPUs is larger than
 * all that was read for it, and is used only from its beginning to its end: beyond the first few
 * megabytes it is in a temporary file that is mapped, whose pages need not stay in memory.
 */
#ifndef KVMMMU_ARENA_H
#define KVMMMU_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct km_arena_block;

/* All zero: empty. */
struct km_arena {
	struct km_arena_block *blocks; /* the newest first */
	size_t size;		       /* of all blocks, in bytes */
	size_t visits;		       /* since pages were last given back */
	int file;		       /* its descriptor plus one; 0: none yet */
	size_t file_size;
	bool no_file; /* it cannot be created or extended: all further blocks are in memory */
};

/* Return @size bytes, all zero and aligned for any object; NULL if memory is exhausted. */
void *km_arena_alloc(struct km_arena *arena, size_t size);

/*
 * Call it for each object while all are visited in turn: the pages of those that were visited
 * before are given back now and then, and are read again if they are used.
 */
void km_arena_visit(struct km_arena *arena);

void km_arena_deinit(struct km_arena *arena);

#endif
