/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel modules in the dump: the module list, each module's symbols (struct mod_kallsyms) and its
 * build-id. None of this needs a module's file.
 */
#ifndef KVMMMU_MODULE_H
#define KVMMMU_MODULE_H

#include "kernel/layout.h"

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
	uint64_t pages_lost; /* missing pages of the symbol table: symbols may be missing */
	char *elf_strings;   /* names of symbols from the module's file */
};

/*
 * Find the loaded module @name ("kvm"; '-' and '_' are equivalent). If there is no such module,
 * return NULL and set module->addr to 0. KM_EREAD, KM_EDATA: the list is not readable or has no
 * end. The caller calls km_module_deinit().
 */
km_error *km_module_find(struct km_memory *mem, struct km_layout *layout, const char *name,
			 struct km_module *module);

/*
 * Read the module's symbol table, for km_module_symbol(). Missing pages are not an error; they are
 * counted in pages_lost.
 */
km_error *km_module_read_symbols(struct km_memory *mem, struct km_layout *layout,
				 struct km_module *module);

/* Add a symbol; @name must outlive the module. Call km_module_sort_symbols() after the last. */
km_error *km_module_add_symbol(struct km_module *module, const char *name, uint64_t addr);
void km_module_sort_symbols(struct km_module *module);

void km_module_deinit(struct km_module *module);

/* Find a symbol of the module. Return false if there is none. */
bool km_module_symbol(const struct km_module *module, const char *name, uint64_t *addr);

/*
 * Return the build-id among the ELF notes in [start, end) of target memory; its len is 0 if there
 * is none or the user pressed Ctrl-C.
 */
struct km_build_id km_find_build_id(struct km_memory *mem, uint64_t start, uint64_t end);

/* Write the build-id in hex, or "unknown", to @buf of at least 41 bytes. Return @buf. */
char *km_build_id_text(const struct km_build_id *id, char *buf, size_t size);

#endif
