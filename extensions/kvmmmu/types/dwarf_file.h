/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file with DWARF: finds the DIE of a name, and reads no more than necessary. Only used by
 * dwarf_types.c.
 */
#ifndef KVMMMU_DWARF_FILE_H
#define KVMMMU_DWARF_FILE_H

#include "types/debuginfo.h"

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
	Elf_Data *rela; /* Elf64_Rela, possibly unaligned */
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
	struct km_debuginfo info, alt_info; /* alt: dwz's file of shared debuginfo, if any */
	Elf *elf, *alt_elf;
	Dwarf *dwarf, *alt;
	struct km_dwarf_relocations relocations; /* of .debug_info */
	Elf_Data *strings;			 /* .debug_str, or NULL */
	struct km_dwarf_unit *units;
	size_t n_units, units_cap;
	size_t n_main_units; /* without those of dwz's file */
	struct km_dwarf_index names[KM_DWARF_NAMES];
};

/* Open @info. On success, take it over and clear it. KM_EDEBUGINFO: no usable DWARF. */
km_error *km_dwarf_file_init(struct km_dwarf_file *file, struct km_debuginfo *info);

/* @file may also have failed to open. */
void km_dwarf_file_deinit(struct km_dwarf_file *file);

/* Find @name; *found is false if it does not exist. KM_EDEBUGINFO: damaged DWARF. */
km_error *km_dwarf_file_find(struct km_dwarf_file *file, enum km_dwarf_names names,
			     const char *name, Dwarf_Die *die, bool *found);

/* Follow DW_AT_type of @die to *type, which may be @die. Return false if there is none. */
bool km_dwarf_file_type(struct km_dwarf_file *file, Dwarf_Die *die, Dwarf_Die *type);

/* Is it only a declaration, "struct x;"? */
static inline bool km_dwarf_is_declaration(Dwarf_Die *die)
{
	return dwarf_hasattr(die, 0x3c /* DW_AT_declaration */);
}

/* Create an error for damaged DWARF. */
km_error *km_dwarf_damaged(const char *how);

/* Likewise with the last error of libdw. */
km_error *km_dwarf_libdw_error(void);

#endif
