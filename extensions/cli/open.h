/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the program can read: a dump, the running kernel, a capsule. */
#ifndef KVMMMU_OPEN_H
#define KVMMMU_OPEN_H

#include "base/target.h"

/* Something that was opened. */
struct opened {
	struct km_target *target;
	void *handle;
	void (*close)(void *handle);
};

/*
 * Opens @path, which is also called "live"; debuginfo is looked for in @debug first (NULL is fine).
 * The caller calls opened_close(). Errors of dump_open() and km_capsule_open().
 */
km_error *open_target(const char *path, const char *debug, struct opened *opened);
void opened_close(struct opened *opened);

#endif
