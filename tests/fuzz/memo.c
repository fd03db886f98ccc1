// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer target: the input as a file of the cache, as it is and with the digest that it would
 * need. Whatever has the right digest, a flattened dump is read with the index in it.
 */
#include "base/memo.h"
#include "base/sha256.h"
#include "bytes.h"
#include "dump/flattened.h"

#include <zstd.h>

#define MAGIC  8
#define HEADER (MAGIC + KM_SHA256_SIZE + 8)

/* The keys of an index begin the entries, so that their lists are fuzzed, and not their names. */
static const char *const keys[] = {"flattened size", "flattened runs", "flattened lengths",
				   "flattened parts"};

static void read_with(struct km_memo *memo)
{
	static const uint8_t head[4096 + 16] = {"makedumpfile\0\0\0\0"
						"\0\0\0\0\0\0\0\1"
						"\0\0\0\0\0\0\0\1"};
	struct km_flattened *index = NULL;
	struct km_file file;
	char path[32], bytes[64];
	int fd = bytes_file(head, sizeof(head), path);

	if (!km_file_init(&file, fd))
		abort();
	km_error_free(km_flattened_index(&file, memo, &index));
	for (uint64_t at = 0, n = 0; index && at < file.size && n < 1000; n++) {
		km_file_read(&file, at, bytes,
			     file.size - at < sizeof(bytes) ? file.size - at : sizeof(bytes));
		at += 1 + file.size / 500;
	}
	km_flattened_free(index);
	close(fd);
}

/* Entries with the input's bytes between the four lists, divided at places that it names. */
static struct km_memo *lists(const uint8_t *data, size_t len)
{
	struct km_memo *memo = km_memo_new();

	if (!memo)
		return NULL;
	for (size_t i = 0; i < 4 && len; i++) {
		size_t part = i == 0 ? 8 : i == 3 ? len - 1 : data[0];

		data++;
		len--;
		part = part < len ? part : len;
		km_memo_put(memo, keys[i], data, part);
		data += part;
		len -= part;
	}
	return memo;
}

/* The input as entries, in a frame whose digest is right. */
static struct km_memo *sealed(const uint8_t *data, size_t len)
{
	size_t room = HEADER + ZSTD_compressBound(len);
	uint8_t *bytes = calloc(1, room);
	struct km_memo *memo = NULL;
	uint64_t size = len;
	size_t frame;

	if (!bytes)
		return NULL;
	memcpy(bytes, "KVMMEMO", MAGIC);
	memcpy(bytes + HEADER - 8, &size, 8);
	frame = ZSTD_compress(bytes + HEADER, room - HEADER, data, len, 1);
	if (!ZSTD_isError(frame) && km_sha256(bytes + HEADER - 8, 8 + frame, bytes + MAGIC))
		memo = km_memo_unpack(bytes, HEADER + frame);
	free(bytes);
	return memo;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct km_memo *memos[] = {km_memo_unpack(data, len), sealed(data, len), lists(data, len)};

	for (size_t i = 0; i < sizeof(memos) / sizeof(memos[0]); i++) {
		if (memos[i])
			read_with(memos[i]);
		km_memo_free(memos[i]);
	}
	return 0;
}
