/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Symbols of a vmlinux file, for kernels whose kallsyms has no data symbols. */
#ifndef KVMMMU_ELF_SYMBOLS_H
#define KVMMMU_ELF_SYMBOLS_H

#include "error.h"

#include <stdbool.h>
#include <stdint.h>

struct elf_symbols;

/*
 * Finds vmlinux by its build-id in hex (as km_debuginfo_find() does, @debug first) and reads its
 * symbol table; addresses are shifted by @offset, KASLR's. KM_EDEBUGINFO if there is none.
 */
km_error *elf_symbols_read(const char *debug, const char *release, const char *build_id,
			   uint64_t offset, struct elf_symbols **symbols);
void elf_symbols_free(struct elf_symbols *symbols);

bool elf_symbols_lookup(const struct elf_symbols *symbols, const char *name, uint64_t *addr);

#endif
