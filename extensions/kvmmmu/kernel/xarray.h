/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading an xarray of the target: lib/xarray.c. */
#ifndef KVMMMU_XARRAY_H
#define KVMMMU_XARRAY_H

#include "kernel.h"

/*
 * Entry @index of the xarray at @xa, 0 if there is none. KM_EREAD if a node is not in the dump,
 * KM_EDATA if the nodes contradict themselves.
 */
km_error *km_xarray_load(const struct km_kernel *kernel, uint64_t xa, uint64_t index,
			 uint64_t *entry);

#endif
