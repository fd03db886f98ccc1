/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The headers of an ELF dump or of /proc/kcore: which physical memory it contains, and where its
 * notes are. 64-bit, or 32-bit as QEMU writes them while CPU 0 is in real mode. Inconsistent
 * headers are rejected here.
 */
#ifndef KVMMMU_ELF_CORE_H
#define KVMMMU_ELF_CORE_H

#include "base/error.h"
#include "base/file_read.h"
#include "dump/dump_loss.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct km_elf_load {
	uint64_t start, end; /* physical addresses; end is exclusive */
	uint64_t offset;     /* in the file */
};

struct km_elf_note {
	uint64_t at, size; /* in the file */
};

struct km_elf_core {
	struct km_elf_load *loads; /* sorted, without overlap */
	size_t load_count;
	struct km_elf_note *notes;
	size_t note_count;
	struct km_dump_loss loss;
};

/* Does @file start with the ELF magic number? */
bool km_elf_core_is(struct km_file *file);

/*
 * Read the headers of ELF file @file; free them with km_elf_core_free() in any case. KM_EDATA: they
 * are inconsistent, do not fit the file's size, or are not those of an x86 core file.
 */
km_error *km_elf_core_read(struct km_file *file, struct km_elf_core *core);
void km_elf_core_free(struct km_elf_core *core);

/*
 * Find physical address @pa: its offset in the file, and the number of contiguous bytes from there.
 * Return false if it is not in the dump.
 */
bool km_elf_core_find(const struct km_elf_core *core, uint64_t pa, uint64_t *offset, uint64_t *run);

#endif
