/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The headers of an ELF dump (or /proc/kcore), 64-bit or 32-bit (QEMU's, which name an i386 while
 * CPU 0 is in real mode): which physical memory it holds, and where its notes are. Headers that lie
 * are found here, and nothing behind them is believed.
 */
#ifndef KVMMMU_ELF_CORE_H
#define KVMMMU_ELF_CORE_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct km_elf_load {
	uint64_t start, end; /* physical; end is the first byte behind */
	uint64_t offset;     /* in the file */
};

struct km_elf_note {
	uint64_t at, size; /* in the file */
};

struct km_elf_core {
	struct km_elf_load *loads; /* in order, apart from each other */
	size_t load_count;
	struct km_elf_note *notes;
	size_t note_count;
};

/* Does the file @fd begin like an ELF file? */
bool km_elf_core_is(int fd);

/*
 * Reads the headers of the ELF file @fd; free them with km_elf_core_free() in any case. KM_EDATA:
 * they contradict themselves or the file's size, or are not those of an x86 machine's core.
 */
km_error *km_elf_core_read(int fd, struct km_elf_core *core);
void km_elf_core_free(struct km_elf_core *core);

/* Where in the file physical address @pa is, and at *@run how many bytes go on there; false if not
 * in it. */
bool km_elf_core_find(const struct km_elf_core *core, uint64_t pa, uint64_t *offset, uint64_t *run);

#endif
