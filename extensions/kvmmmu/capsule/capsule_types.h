/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The types of a capsule: those in layout.def, and nothing else. */
#ifndef KVMMMU_CAPSULE_TYPES_H
#define KVMMMU_CAPSULE_TYPES_H

#include "kernel/layout.h"

/*
 * Build BTF of all types in layout.def that @layout has, with everything that they contain; the
 * caller frees *blob. If the type source cannot copy whole types (DWARF), build them from the
 * members in layout.def and set *@made. In either case the blob gives the same members as @layout.
 */
km_error *km_closure_of_layout(struct km_layout *layout, void **blob, size_t *len, bool *made);

#endif
