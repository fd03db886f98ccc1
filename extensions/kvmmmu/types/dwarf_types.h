/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A type source over DWARF.
 */
#ifndef KVMMMU_DWARF_TYPES_H
#define KVMMMU_DWARF_TYPES_H

#include "types/debuginfo.h"
#include "types/types.h"

/*
 * Create a type source over the DWARF of @info. On success *types owns it, and @info is cleared.
 * Each look-up reads no more than necessary, and returns KM_EDEBUGINFO if that part is damaged.
 * Free *types with km_types_free(). KM_EDEBUGINFO: no usable DWARF.
 */
km_error *km_dwarf_open(struct km_debuginfo *info, struct km_types **types);

/*
 * Get the size in bytes and the signedness of parameter @param of function @function. KM_EABSENT:
 * there is no such function or parameter.
 */
km_error *km_dwarf_parameter(struct km_types *types, const char *function, const char *param,
			     uint32_t *size, bool *is_signed);

#endif
