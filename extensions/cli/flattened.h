/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * makedumpfile's flattened format, which dumps have that went through a pipe: pieces of a dump,
 * each with the offset where it belongs. libkdumpfile before 0.5.2 does not read it, and what we
 * look at ourselves has to be in its place.
 */
#ifndef KVMMMU_FLATTENED_H
#define KVMMMU_FLATTENED_H

#include "../kvmmmu/error.h"

#include <stdbool.h>

/* Does the file begin like a flattened dump? */
bool flattened_is(int fd);

/*
 * Puts the pieces of the flattened dump @fd, which is the file @path, in their places in a
 * temporary file without a name: in $TMPDIR (/var/tmp without it) or, where that has no room,
 * beside @path. It is as large as the dump, and gone when *@plain is closed. KM_EDATA: no flattened
 * dump, or a damaged one; KM_EREAD: it can't be read, or there is no room.
 */
km_error *flattened_rearrange(int fd, const char *path, int *plain);

#endif
