// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer target: the input as a flattened dump. The index must find the bytes that writing the
 * pieces one after the other would give.
 */
#include "dump/flattened.h"

#include <endian.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROOM (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint8_t expected[ROOM], found[ROOM];

/* Write the pieces into @expected. Return false if one ends beyond ROOM. */
static bool write_pieces(const uint8_t *data, size_t len)
{
	memset(expected, 0, sizeof(expected));
	for (size_t at = 0; at + 16 <= len;) {
		uint64_t record[2];

		memcpy(record, data + at, sizeof(record));
		record[0] = be64toh(record[0]);
		record[1] = be64toh(record[1]);
		at += sizeof(record);
		if (record[0] == UINT64_MAX && record[1] == UINT64_MAX)
			return true;
		if (record[0] > ROOM || record[1] > ROOM - record[0] || record[1] > len - at)
			return false;
		memcpy(expected + record[0], data + at, record[1]);
		at += record[1];
	}
	return false;
}

static void check(struct km_file *file, const uint8_t *data, size_t len)
{
	uint8_t byte;

	if (write_pieces(data, len)) {
		if (file->size > ROOM || !km_file_read(file, 0, found, file->size) ||
		    memcmp(found, expected, file->size))
			abort();
		/* from the middle, too */
		for (uint64_t at = 0; at < file->size; at += 1 + file->size / 61)
			if (!km_file_read(file, at, &byte, 1) || byte != expected[at])
				abort();
	} else if (file->size && !km_file_read(file, file->size - 1, &byte, 1)) {
		abort();
	}
	if (km_file_read(file, file->size, &byte, 1))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char header[4096] = {"makedumpfile\0\0\0\0"
					  "\0\0\0\0\0\0\0\1"
					  "\0\0\0\0\0\0\0\1"};
	int fd = memfd_create("flat", MFD_CLOEXEC);
	struct km_flattened *index = NULL;
	struct km_file file;
	km_error *err;

	if (fd < 0 || write(fd, header, sizeof(header)) < 0 || write(fd, data, len) < 0)
		abort();
	if (!km_file_init(&file, fd) || !km_flattened_is(&file))
		abort();
	err = km_flattened_index(&file, NULL, &index);
	if (!err)
		check(&file, data, len);
	km_error_free(err);
	km_flattened_free(index);
	close(fd);
	return 0;
}
