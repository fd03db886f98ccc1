/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which physical memory an ELF dump holds: libkdumpfile 0.5.1 takes what lies between segments for
 * zeros, and believes headers that lie.
 */
#ifndef KVMMMU_ELF_LOADS_H
#define KVMMMU_ELF_LOADS_H

#include "../kvmmmu/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_load {
	uint64_t start, end; /* physical; end is the first byte behind */
};

struct elf_loads {
	struct elf_load *list; /* in order, apart from each other; NULL: no 64-bit ELF file */
	size_t count;
};

/* Of the file @fd. KM_EDATA if its headers contradict themselves or the file's size. */
km_error *elf_loads_read(int fd, struct elf_loads *loads);
void elf_loads_free(struct elf_loads *loads);

/* Are all these bytes in it? */
bool elf_loads_hold(const struct elf_loads *loads, uint64_t pa, size_t len);

#endif
