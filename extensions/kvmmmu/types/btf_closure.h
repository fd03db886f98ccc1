/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Builds the BTF of a few types and everything that they contain, for a capsule. The targets of
 * pointers are only declared.
 */
#ifndef KVMMMU_BTF_CLOSURE_H
#define KVMMMU_BTF_CLOSURE_H

#include "types/btf_source.h"

struct km_closure;

/* Create an empty closure; free it with km_closure_free(). KM_ENOMEM. */
km_error *km_closure_new(struct km_closure **closure);
void km_closure_free(struct km_closure *closure);

/*
 * Add type @id of @from, which km_btf_source_make() has made, and everything that it contains,
 * unless it is already there. KM_EDATA:
 * types that contain themselves. KM_ENOMEM.
 */
km_error *km_closure_add(struct km_closure *closure, const struct km_btf_source *from, uint32_t id);

/* Return the BTF so far, valid until the next km_closure_add(); NULL if memory is exhausted. */
const void *km_closure_data(struct km_closure *closure, size_t *len);

#endif
