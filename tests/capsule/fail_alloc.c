// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Preloaded: allocation number FAIL_ALLOC of the program itself fails. Those of libraries do not:
 * json-c crashes then.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);

struct range {
	uintptr_t start, end;
};

/* The first object is the program. */
static int find_program(struct dl_phdr_info *info, size_t size, void *data)
{
	struct range *r = data;

	(void)size;
	r->start = info->dlpi_addr;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t end =
			info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;

		if (info->dlpi_phdr[i].p_type == PT_LOAD && end > r->end)
			r->end = end;
	}
	return 1;
}

static int fails(const void *caller)
{
	static struct range program;
	static long wanted, count;

	if (!wanted) {
		const char *text = getenv("FAIL_ALLOC");

		wanted = text ? atol(text) : -1;
		dl_iterate_phdr(find_program, &program);
	}
	if ((uintptr_t)caller < program.start || (uintptr_t)caller >= program.end ||
	    ++count != wanted)
		return 0;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}
