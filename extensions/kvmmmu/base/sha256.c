// SPDX-License-Identifier: GPL-2.0-or-later
/* liblzma can use SHA-256 as the integrity check of a block, even of one that is not compressed. */
#include "base/sha256.h"

#include "base/file_read.h"

#include <fcntl.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DIGEST 32

static bool digest_of(const uint8_t *bytes, size_t len, uint8_t digest[DIGEST])
{
	lzma_block block = {.version = 0, .check = LZMA_CHECK_SHA256};
	lzma_filter filters[LZMA_FILTERS_MAX + 1] = {{.id = LZMA_VLI_UNKNOWN}};
	size_t size = lzma_block_buffer_bound(len), used = 0;
	uint8_t *out = size ? malloc(size) : NULL;
	bool ok;

	block.filters = filters;
	ok = out && lzma_block_uncomp_encode(&block, bytes, len, out, &used, size) == LZMA_OK;
	for (size_t i = 0; ok && i < DIGEST; i++)
		digest[i] = block.raw_check[i];
	free(out);
	return ok;
}

/* The file is read, not mapped: it may become shorter meanwhile. */
static bool digest_of_open_file(int fd, uint8_t digest[DIGEST])
{
	struct km_file file;
	uint8_t *bytes;
	bool ok;

	if (!km_file_init(&file, fd) || !file.size || file.size > KM_SHA256_MAX)
		return false;
	bytes = malloc((size_t)file.size);
	ok = bytes && km_file_read(&file, 0, bytes, (size_t)file.size) &&
	     digest_of(bytes, (size_t)file.size, digest);
	free(bytes);
	return ok;
}

bool km_sha256_of_file(const char *path, char text[KM_SHA256_TEXT])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint8_t digest[DIGEST];
	bool ok = fd >= 0 && digest_of_open_file(fd, digest);

	if (fd >= 0)
		close(fd);
	text[0] = '\0';
	for (size_t i = 0; ok && i < DIGEST; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	return ok;
}
