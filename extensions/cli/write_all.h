/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Write all of an answer, with one call or several. */
#ifndef KVMMMU_WRITE_ALL_H
#define KVMMMU_WRITE_ALL_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Write @len bytes to @fd. Return false, with the reason in errno, if that fails. */
bool write_all(int fd, const char *bytes, size_t len);

/* Likewise, but if the reader is gone (`| head`), set *@gone; this is not an error. */
km_error *write_answer(int fd, const char *text, size_t len, bool *gone);

#endif
