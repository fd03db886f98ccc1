/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BTF of a few types and all that they are made of, for a capsule. What pointers lead to is only
 * declared: it lies elsewhere.
 */
#ifndef KVMMMU_BTF_CLOSURE_H
#define KVMMMU_BTF_CLOSURE_H

#include "layout.h"

struct btf;
struct km_closure;

km_error *km_closure_new(struct km_closure **closure);
void km_closure_free(struct km_closure *closure);

/* Adds type @id of @btf with all it is made of, if it is not there yet. KM_EDATA, KM_ENOMEM. */
km_error *km_closure_add(struct km_closure *closure, const struct btf *btf, uint32_t id);

/* The BTF so far; lives until the next km_closure_add(). NULL when memory is out. */
const void *km_closure_data(struct km_closure *closure, size_t *len);

/*
 * The closure of everything that layout.def names and @layout has, as a blob for free(). Where a
 * type source can't tell whole types (DWARF), those are made from the members in layout.def, and
 * *@made says so. Either way the blob answers for each of those members as @layout does.
 */
km_error *km_closure_of_layout(struct km_layout *layout, void **blob, size_t *len, bool *made);

#endif
