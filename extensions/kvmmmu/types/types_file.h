/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Types from a file that the user names: vmlinux or a module, or BTF alone as in /sys/kernel/btf.
 */
#ifndef KVMMMU_TYPES_FILE_H
#define KVMMMU_TYPES_FILE_H

#include "types/types.h"

/*
 * Open the types of file @path: BTF, or an ELF file with DWARF or, failing that, with BTF. @base:
 * the BTF of vmlinux, for that of a module; NULL: none. It must outlive *@types, which the caller
 * frees with km_types_free(). KM_EDEBUGINFO: not readable, or no types in it; KM_EDATA: damaged.
 */
km_error *km_types_open_file(const char *path, struct km_types *base, struct km_types **types);

#endif
