/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel modules as the dump itself knows them: the module list, each module's symbols (struct
 * mod_kallsyms) and its build-id. Nothing here needs a module's file.
 */
#ifndef KVMMMU_MODULE_H
#define KVMMMU_MODULE_H

#include "layout.h"

#define KM_BUILD_ID_SIZE 20

struct km_build_id {
	uint8_t bytes[KM_BUILD_ID_SIZE];
	uint32_t len; /* 0: unknown */
};

struct km_module_symbol {
	const char *name;
	uint64_t addr;
};

/* A module and its symbols, sorted by name. */
struct km_module {
	uint64_t addr; /* of struct module */
	struct km_build_id build_id;
	struct km_module_symbol *symbols;
	size_t count;
	char *strings;
	uint64_t pages_lost; /* of the symbol table: symbols may be missing */
	char *elf_strings;   /* names of symbols from the module's file */
};

/*
 * Finds the loaded module @name ("kvm"; '-' and '_' are the same). *@module->addr is 0 if there is
 * no such module, which is no error. The caller calls km_module_deinit(). Errors: the list is torn.
 */
km_error *km_module_find(struct km_memory *mem, struct km_layout *layout, const char *name,
			 struct km_module *module);

/*
 * Reads the module's symbol table; without it km_module_symbol() knows nothing. Missing pages are
 * no error: they are counted in pages_lost.
 */
km_error *km_module_read_symbols(struct km_memory *mem, struct km_layout *layout,
				 struct km_module *module);

/* Adds a symbol; @name must outlive the module. Sort when all are there. */
km_error *km_module_add_symbol(struct km_module *module, const char *name, uint64_t addr);
void km_module_sort_symbols(struct km_module *module);

void km_module_deinit(struct km_module *module);

bool km_module_symbol(const struct km_module *module, const char *name, uint64_t *addr);

/*
 * Build-id among the ELF notes in [start, end) of target memory; len 0 if there is none, or if the
 * user pressed Ctrl-C. Notes start on 4-byte boundaries.
 */
struct km_build_id km_find_build_id(struct km_memory *mem, uint64_t start, uint64_t end);

/* Hex, into @buf of at least 41 bytes; "unknown" if there is none. Returns @buf. */
char *km_build_id_text(const struct km_build_id *id, char *buf, size_t size);

bool km_build_id_equal(const struct km_build_id *a, const struct km_build_id *b);

#endif
