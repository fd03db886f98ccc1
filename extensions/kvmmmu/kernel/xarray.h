/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads an xarray of the target; lib/xarray.c. */
#ifndef KVMMMU_XARRAY_H
#define KVMMMU_XARRAY_H

#include "kernel/kernel.h"

/*
 * Get entry @index of the xarray at @xa, 0 if there is none. Mirrors xa_load(). KM_EREAD: a node is
 * not in the dump; KM_EDATA: the nodes are inconsistent.
 */
km_error *km_xarray_load(const struct km_kernel *kernel, uint64_t xa, uint64_t index,
			 uint64_t *entry);

#endif
