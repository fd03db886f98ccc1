/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file that was opened as a target. */
#ifndef KVMMMU_OPENED_H
#define KVMMMU_OPENED_H

#include "base/target.h"

struct km_opened {
	struct km_target *target;
	void *handle;
	void (*close)(void *handle); /* NULL: nothing is open */
};

/*
 * Open @path as a target; debuginfo is searched for in @debug first (may be NULL). The caller calls
 * km_opened_close() if there is no error.
 */
typedef km_error *km_open_fn(const char *path, const char *debug, struct km_opened *opened);

/* Close it; more than once is fine. */
static inline void km_opened_close(struct km_opened *opened)
{
	if (opened->close)
		opened->close(opened->handle);
	opened->close = NULL;
}

#endif
