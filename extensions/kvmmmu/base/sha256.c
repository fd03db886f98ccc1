// SPDX-License-Identifier: GPL-2.0-or-later
/* liblzma can use SHA-256 as the integrity check of a block, even of one that is not compressed. */
#include "base/sha256.h"

#include "base/file_read.h"

#include <fcntl.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool km_sha256(const void *bytes, size_t len, uint8_t digest[KM_SHA256_SIZE])
{
	lzma_block block = {.version = 0, .check = LZMA_CHECK_SHA256};
	lzma_filter filters[LZMA_FILTERS_MAX + 1] = {{.id = LZMA_VLI_UNKNOWN}};
	size_t size = lzma_block_buffer_bound(len), used = 0;
	uint8_t *out = size ? malloc(size) : NULL;
	bool ok;

	block.filters = filters;
	ok = out && lzma_block_uncomp_encode(&block, bytes, len, out, &used, size) == LZMA_OK;
	for (size_t i = 0; ok && i < KM_SHA256_SIZE; i++)
		digest[i] = block.raw_check[i];
	free(out);
	return ok;
}

/* The file is read, not mapped: it may become shorter meanwhile. */
static bool digest_of_open_file(int fd, uint8_t digest[KM_SHA256_SIZE])
{
	struct km_file file;
	uint8_t *bytes;
	bool ok;

	if (!km_file_init(&file, fd) || !file.size || file.size > KM_SHA256_MAX)
		return false;
	bytes = malloc((size_t)file.size);
	ok = bytes && km_file_read(&file, 0, bytes, (size_t)file.size) &&
	     km_sha256(bytes, (size_t)file.size, digest);
	free(bytes);
	return ok;
}

void km_sha256_text(const uint8_t digest[KM_SHA256_SIZE], char text[KM_SHA256_TEXT])
{
	for (size_t i = 0; i < KM_SHA256_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

bool km_sha256_of_file(const char *path, char text[KM_SHA256_TEXT])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint8_t digest[KM_SHA256_SIZE];
	bool ok = fd >= 0 && digest_of_open_file(fd, digest);

	if (fd >= 0)
		close(fd);
	text[0] = '\0';
	if (ok)
		km_sha256_text(digest, text);
	return ok;
}
