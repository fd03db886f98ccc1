/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A dump that comes through a pipe: kept in a temporary file, because it is not read in order. */
#ifndef KVMMMU_SPOOL_H
#define KVMMMU_SPOOL_H

#include "base/error.h"

/*
 * Copy what can be read from @from, to its end, into a temporary file without a name, in $TMPDIR
 * (default /var/tmp). Set *@to to it; it disappears when *@to is closed. Blocks of zeros become
 * holes. KM_EREAD: @from cannot be read; KM_EWRITE: the file cannot be written, as without space;
 * KM_EDATA: @from is empty.
 */
km_error *spool_pipe(int from, int *to);

#endif
