/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A type source over BTF.
 */
#ifndef KVMMMU_BTF_TYPES_H
#define KVMMMU_BTF_TYPES_H

#include "types/types.h"

#include <stddef.h>

/*
 * Create a type source over the BTF at @data, which is copied. For the split BTF of a module, @base
 * is the source over the BTF that it is based on (that of vmlinux, or the module's .BTF.base),
 * which must outlive it; else NULL. Only types in @data itself are found by name: chain both
 * sources.
 * @origin is for messages ("BTF of kvm in the dump") and is copied. Free *types with
 * km_types_free(). KM_EDATA: damaged BTF.
 */
km_error *km_btf_open(const void *data, size_t len, struct km_types *base, const char *origin,
		      struct km_types **types);

/* As km_btf_open(), but @data is allocated and is taken over, even on failure. */
km_error *km_btf_open_taken(void *data, size_t len, struct km_types *base, const char *origin,
			    struct km_types **types);

#endif
