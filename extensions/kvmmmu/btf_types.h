/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A type source over BTF.
 */
#ifndef KVMMMU_BTF_TYPES_H
#define KVMMMU_BTF_TYPES_H

#include "types.h"

#include <stddef.h>

/*
 * Answers from the BTF at @data, which is copied. If it is a module's, @base is the source over the
 * BTF that it is split from: vmlinux's, or what the module's .BTF.base has; that must live longer.
 * Only the types of @data itself are found by name: chain the two. @origin is for people ("BTF of
 * kvm in the dump"), copied. *types needs km_types_free(). KM_EDATA if the BTF contradicts itself.
 */
km_error *km_btf_open(const void *data, size_t len, struct km_types *base, const char *origin,
		      struct km_types **types);

#endif
