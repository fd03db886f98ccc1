/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flattened format of makedumpfile, written to pipes: pieces of a dump, each with its offset.
 * What reads dumps here expects each byte at its own offset.
 */
#ifndef KVMMMU_FLATTENED_H
#define KVMMMU_FLATTENED_H

#include "base/error.h"
#include "base/file_read.h"

#include <stdbool.h>

/* Does the file start with the header of a flattened dump? */
bool flattened_is(struct km_file *file);

/*
 * Write the pieces of the flattened dump @file, which is at @path, to their places in a
 * temporary file without a name: in $TMPDIR (default /var/tmp) or, if there is no space, in the
 * folder of @path. It is as large as the dump, and disappears when *@plain is closed. KM_EDATA: the
 * dump is damaged; KM_EREAD: it cannot be read, or there is no space.
 */
km_error *flattened_rearrange(struct km_file *file, const char *path, int *plain);

#endif
