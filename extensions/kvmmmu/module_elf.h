/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Symbols of a module from its own file, for dumps that lost pages of its symbol table and for
 * kernels without CONFIG_KALLSYMS_ALL.
 */
#ifndef KVMMMU_MODULE_ELF_H
#define KVMMMU_MODULE_ELF_H

#include "debuginfo.h"
#include "module.h"

/*
 * Adds the global symbols of @info, the module's file, to those from the dump. Where its sections
 * were loaded is told by module.sect_attrs, where the dump and the types have it, else by symbols
 * that both have. KM_EDEBUGINFO if the file has no usable symbol table.
 */
km_error *km_module_add_elf_symbols(struct km_memory *mem, struct km_layout *layout,
				    struct km_module *module, const struct km_debuginfo *info);

#endif
