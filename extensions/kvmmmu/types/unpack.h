/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unpacks .xz, .zst and .gz images in memory.
 */
#ifndef KVMMMU_UNPACK_H
#define KVMMMU_UNPACK_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Does @data start with the magic number of .xz, .zst or .gz? */
bool km_is_packed(const void *data, size_t len);

/* Return the program that unpacks @data, with -dc: "xz", "zstd" or "gzip"; NULL: it is not packed.
 */
const char *km_unpacker(const void *data, size_t len);

/* KM_EDATA, for a file that is not a capsule: what reading it as a dump takes. */
km_error *km_packed_dump(const char *unpacker);

/*
 * Unpack @data into memory that the caller frees with munmap(). KM_EDEBUGINFO: it is damaged,
 * truncated, or unpacks to more than 2 GiB or, above 16 MiB, to more than 100 times its length.
 */
km_error *km_unpack(const void *data, size_t len, void **image, size_t *size);

#endif
