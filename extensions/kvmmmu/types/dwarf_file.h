/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file with DWARF: finding the DIE of a name in it, reading no more than that needs. Of use to
 * dwarf_types.c only.
 */
#ifndef KVMMMU_DWARF_FILE_H
#define KVMMMU_DWARF_FILE_H

#include "debuginfo.h"

#include <elfutils/libdw.h>

enum km_dwarf_names {
	KM_DWARF_TYPES, /* struct, union, enum, typedef: definitions only */
	KM_DWARF_ENUMERATORS,
	KM_DWARF_FUNCTIONS,
	KM_DWARF_NAMES,
};

/* The relocations of one section. */
struct km_dwarf_relocations {
	Elf_Data *target;
	Elf_Data *rela; /* Elf64_Rela, maybe unaligned */
	Elf_Data *symbols;
	bool sorted;
};

struct km_dwarf_entry {
	const char *name; /* in the image; NULL: free */
	Dwarf_Die die;
};

/* An open-addressed table from names to DIEs, filled unit by unit. */
struct km_dwarf_index {
	struct km_dwarf_entry *entries;
	size_t n, cap;
	size_t units_done;
};

struct km_dwarf_unit;

struct km_dwarf_file {
	struct km_debuginfo info, alt_info; /* alt: dwz's second file, if any */
	Elf *elf, *alt_elf;
	Dwarf *dwarf, *alt;
	struct km_dwarf_relocations relocations; /* of .debug_info */
	Elf_Data *strings;			 /* .debug_str, or NULL */
	struct km_dwarf_unit *units;
	size_t n_units, units_cap;
	size_t n_main_units; /* without those of the second file */
	struct km_dwarf_index names[KM_DWARF_NAMES];
};

/* Takes over @info and empties it, on success. KM_EDEBUGINFO. */
km_error *km_dwarf_file_init(struct km_dwarf_file *file, struct km_debuginfo *info);

/* Fine on what failed to open. */
void km_dwarf_file_deinit(struct km_dwarf_file *file);

/* Finds @name; false in *found if there is none. KM_EDEBUGINFO where that meets damage. */
km_error *km_dwarf_file_find(struct km_dwarf_file *file, enum km_dwarf_names names,
			     const char *name, Dwarf_Die *die, bool *found);

/* Follows @die's DW_AT_type to *type, which may be @die; false if it has none. */
bool km_dwarf_file_type(struct km_dwarf_file *file, Dwarf_Die *die, Dwarf_Die *type);

/* Is it a mere "struct x;"? */
static inline bool km_dwarf_is_declaration(Dwarf_Die *die)
{
	return dwarf_hasattr(die, 0x3c /* DW_AT_declaration */);
}

km_error *km_dwarf_damaged(const char *how);

/* As km_dwarf_damaged() for what libdw complains of. */
km_error *km_dwarf_libdw_error(void);

#endif
