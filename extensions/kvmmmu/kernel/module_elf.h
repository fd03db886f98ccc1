/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Symbols of a module from its file, for dumps that lack pages of its symbol table and for kernels
 * without CONFIG_KALLSYMS_ALL.
 */
#ifndef KVMMMU_MODULE_ELF_H
#define KVMMMU_MODULE_ELF_H

#include "types/debuginfo.h"
#include "kernel/module.h"

/*
 * Add the global symbols of @info, the module's file, to those from the dump. The addresses of its
 * sections come from module.sect_attrs or, if that is not available, from symbols that both
 * contain. KM_EDEBUGINFO if the file has no usable symbol table.
 */
km_error *km_module_add_elf_symbols(struct km_memory *mem, struct km_layout *layout,
				    struct km_module *module, const struct km_debuginfo *info);

#endif
