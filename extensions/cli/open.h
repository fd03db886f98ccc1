/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the program can read: a dump, the running kernel, a capsule. */
#ifndef KVMMMU_OPEN_H
#define KVMMMU_OPEN_H

#include "base/opened.h"

/*
 * A km_open_fn. @path may be "live", or "-": standard input, which is copied if it is a pipe.
 * Errors of dump_open(), km_capsule_open() and spool_pipe().
 */
km_error *open_target(const char *path, const char *debug, struct km_opened *opened);

#endif
