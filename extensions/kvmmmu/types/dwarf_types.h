/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A type source over DWARF.
 */
#ifndef KVMMMU_DWARF_TYPES_H
#define KVMMMU_DWARF_TYPES_H

#include "debuginfo.h"
#include "types.h"

/*
 * Answers from the DWARF of @info, which on success belongs to *types and is emptied. Reads no more
 * than each answer needs. *types needs km_types_free(). KM_EDEBUGINFO if there is no usable DWARF;
 * the look-ups give it where they meet damage.
 */
km_error *km_dwarf_open(struct km_debuginfo *info, struct km_types **types);

/*
 * Type of parameter @param of function @function: its size in bytes and whether it is signed.
 * KM_EABSENT if there is no such function or parameter.
 */
km_error *km_dwarf_parameter(struct km_types *types, const char *function, const char *param,
			     uint32_t *size, bool *is_signed);

#endif
