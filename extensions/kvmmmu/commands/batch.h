/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lines of kvmmmu batch: one for each file, even if it cannot be read. */
#ifndef KVMMMU_BATCH_H
#define KVMMMU_BATCH_H

#include "base/error.h"

#include <stdio.h>

/* Return the class of errors with @code, for machines: "read", "data", ... */
const char *km_error_class(enum km_errc code);

/*
 * Write the line of @file, which gave no answer: the @class of the error ("time", "memory", "crash"
 * or one of km_error_class()) and its @text. Errors as km_render().
 */
km_error *km_batch_write_failure(const char *file, const char *class, const char *text, FILE *out);

#endif
