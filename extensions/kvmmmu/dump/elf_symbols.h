/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Symbols of a vmlinux file, for kernels whose kallsyms contains no data symbols. */
#ifndef KVMMMU_ELF_SYMBOLS_H
#define KVMMMU_ELF_SYMBOLS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct km_elf_symbols;

/*
 * Find vmlinux by its build-id in hex, as km_debuginfo_find() does (@debug is its user_path), and
 * read its symbol table. @offset, that of KASLR, is added to addresses. KM_EDEBUGINFO if there is
 * no such file. Free it with km_elf_symbols_free().
 */
km_error *km_elf_symbols_read(const char *debug, const char *release, const char *build_id,
			      uint64_t offset, struct km_elf_symbols **symbols);
void km_elf_symbols_free(struct km_elf_symbols *symbols);

/* Return false if there is no symbol @name. */
bool km_elf_symbols_lookup(const struct km_elf_symbols *symbols, const char *name, uint64_t *addr);

/*
 * Find the function that contains @addr, an address of code, and the offset within it: the last one
 * that begins at or before it. Return false if there is none, or memory is exhausted.
 */
bool km_elf_symbols_lookup_address(struct km_elf_symbols *symbols, uint64_t addr, char *name,
				   size_t size, uint64_t *offset);

#endif
