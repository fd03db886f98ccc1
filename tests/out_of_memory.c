// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory that runs out, as a library for LD_PRELOAD:
 *
 *	KVMMMU_FAIL_FROM=N  allocation N (from 1) and all after it fail
 *	KVMMMU_FAIL_AT=N    only allocation N fails
 *	KVMMMU_FAIL_SIZE=N  allocations of fewer bytes are not counted, and never fail
 *
 * At exit, the number of allocations is written to file descriptor KVMMMU_COUNT_TO, if that is set.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static unsigned long count, fail_from, fail_at, fail_size;

static unsigned long number_in(const char *name)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 10) : 0;
}

/* Before main(): what the loader needs is always there. */
static void __attribute__((constructor)) begin(void)
{
	fail_from = number_in("KVMMMU_FAIL_FROM");
	fail_at = number_in("KVMMMU_FAIL_AT");
	fail_size = number_in("KVMMMU_FAIL_SIZE");
	count = 0;
}

static void __attribute__((destructor)) end(void)
{
	int fd = (int)number_in("KVMMMU_COUNT_TO");

	if (fd)
		dprintf(fd, "%lu\n", count);
}

static int fails(size_t size)
{
	if (size < fail_size)
		return 0;
	count++;
	if (count != fail_at && !(fail_from && count >= fail_from))
		return 0;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t size)
{
	return fails(size) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return fails(n * size) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	return fails(size) ? NULL : __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return fails(size) ? NULL : __libc_memalign(alignment, size);
}
