/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads from a dump file, at offsets that come from the file itself. */
#ifndef KVMMMU_FILE_READ_H
#define KVMMMU_FILE_READ_H

#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

/* Read all @len bytes at offset @at. Return false on any error, or if the offset is impossible. */
static inline bool km_file_read(int fd, uint64_t at, void *buf, size_t len)
{
	return at <= INT64_MAX && pread(fd, buf, len, (off_t)at) == (ssize_t)len;
}

#endif
