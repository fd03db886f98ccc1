/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The input as target memory at BYTES_BASE, and as a file. */
#ifndef FUZZ_BYTES_H
#define FUZZ_BYTES_H

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BYTES_BASE UINT64_C(0xffffffff80000000)
#define BYTES_ROOM (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct bytes {
	struct km_target target;
	const uint8_t *data;
	size_t len;
};

/* Read zeros beyond the end of the input, up to BYTES_ROOM, so that tables can exceed it. */
static inline km_error *bytes_read_virt(struct km_target *target, uint64_t va, void *buf,
					size_t len)
{
	const struct bytes *b = (const struct bytes *)target;
	uint64_t at = va - BYTES_BASE;

	if (va < BYTES_BASE || at > BYTES_ROOM || len > BYTES_ROOM - at)
		return km_errorf(KM_EREAD, "beyond");
	memset(buf, 0, len);
	if (at < b->len)
		memcpy(buf, b->data + at, len < b->len - at ? len : b->len - at);
	return NULL;
}

/* Create a file with these bytes; the caller closes it. Its path is written to @path. */
static inline int bytes_file(const uint8_t *data, size_t len, char path[32])
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	snprintf(path, 32, "/proc/self/fd/%d", fd);
	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		abort();
	return fd;
}

#endif
