/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unpacks .xz, .zst and .gz images that lie in memory.
 */
#ifndef KVMMMU_UNPACK_H
#define KVMMMU_UNPACK_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>

/* Does it begin as .xz, .zst or .gz does? */
bool km_is_packed(const void *data, size_t len);

/*
 * Unpacks @data into memory that the caller gives back with munmap(). KM_EDEBUGINFO if it is
 * damaged, cut short, or unpacks to more than 2 GiB or than any debuginfo of its length would.
 */
km_error *km_unpack(const void *data, size_t len, void **image, size_t *size);

#endif
