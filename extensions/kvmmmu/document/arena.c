// SPDX-License-Identifier: GPL-2.0-or-later
#include "document/arena.h"

#include "base/temporary.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SMALL_BLOCK ((size_t)64 << 10)
#define FILE_BLOCK  ((size_t)1 << 20)

/* What is in memory before a file is used. A test sets another number. */
#ifndef IN_MEMORY
#define IN_MEMORY ((size_t)2 << 20)
#endif

/* Pages are given back after so many visits; the objects in between are a few megabytes. */
#define VISITS 1024

struct km_arena_block {
	struct km_arena_block *next;
	char *bytes;
	size_t used, size;
	bool mapped;
};

/* Map @size more bytes of the file; NULL: that is not possible. */
static void *map_more(struct km_arena *arena, size_t size)
{
	void *bytes;

	if (!arena->file)
		arena->file = km_temporary_file() + 1;
	/* without its blocks on the disk, a page that cannot be written would be a signal */
	if (!arena->file || posix_fallocate(arena->file - 1, (off_t)arena->file_size, (off_t)size))
		return NULL;
	bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, arena->file - 1,
		     (off_t)arena->file_size);
	if (bytes == MAP_FAILED)
		return NULL;
	arena->file_size += size;
	return bytes;
}

/* Give back the pages of the file: they keep what they contain. */
static void give_back(struct km_arena *arena)
{
	arena->visits = 0;
	for (struct km_arena_block *block = arena->blocks; block; block = block->next) {
		if (block->mapped)
			madvise(block->bytes, block->size, MADV_DONTNEED);
	}
}

static bool add_block(struct km_arena *arena, size_t size)
{
	struct km_arena_block *block = calloc(1, sizeof(*block));
	size_t room = size > SMALL_BLOCK ? size : SMALL_BLOCK;

	if (!block)
		return false;
	if (arena->size >= IN_MEMORY && size <= FILE_BLOCK && !arena->no_file) {
		give_back(arena);
		block->bytes = map_more(arena, FILE_BLOCK);
		block->mapped = block->bytes;
		arena->no_file = !block->bytes;
	}
	block->size = block->mapped ? FILE_BLOCK : room;
	if (!block->bytes)
		block->bytes = malloc(room);
	if (!block->bytes) {
		free(block);
		return false;
	}
	block->next = arena->blocks;
	arena->blocks = block;
	arena->size += block->size;
	return true;
}

void *km_arena_alloc(struct km_arena *arena, size_t size)
{
	struct km_arena_block *block;
	void *bytes;

	size = (size + 15) & ~(size_t)15;
	if ((!arena->blocks || arena->blocks->size - arena->blocks->used < size) &&
	    !add_block(arena, size))
		return NULL;
	block = arena->blocks;
	bytes = block->bytes + block->used;
	block->used += size;
	return memset(bytes, 0, size);
}

void km_arena_visit(struct km_arena *arena)
{
	if (arena->file && ++arena->visits >= VISITS)
		give_back(arena);
}

void km_arena_deinit(struct km_arena *arena)
{
	while (arena->blocks) {
		struct km_arena_block *next = arena->blocks->next;

		if (arena->blocks->mapped)
			munmap(arena->blocks->bytes, arena->blocks->size);
		else
			free(arena->blocks->bytes);
		free(arena->blocks);
		arena->blocks = next;
	}
	if (arena->file)
		close(arena->file - 1);
	*arena = (struct km_arena){0};
}
