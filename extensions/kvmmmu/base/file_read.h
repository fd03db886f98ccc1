/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads from a file at offsets that come from the file itself, and remembers which of its bytes
 * could not be read: every answer names them.
 */
#ifndef KVMMMU_FILE_READ_H
#define KVMMMU_FILE_READ_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KM_UNREAD_PLACES 16

/* Adjacent bytes that are in the file and could not be read. */
struct km_unread {
	uint64_t at, len;
	int error; /* errno, or one of KM_UNREAD_ */
};

#define KM_UNREAD_GONE	(-1) /* the file has become shorter since it was opened */
#define KM_UNREAD_SHORT (-2) /* read() returned some of them only, twice */

/* Where the bytes are, if they are not at their own offsets: in pieces, for example. */
struct km_file_layout {
	/* Set *@from to the offset in the file of the byte at offset @at, and *@len to the number
	 * of bytes, at least 1, that follow it in both. KM_FILE_HOLE: they are zero. */
	void (*find)(const struct km_file_layout *layout, uint64_t at, uint64_t *from,
		     uint64_t *len);
};

#define KM_FILE_HOLE UINT64_MAX

struct km_file {
	int fd;
	uint64_t stored; /* size of the file when it was opened */
	uint64_t size;	 /* of what km_file_read() reads: that, or of the layout */
	const struct km_file_layout *layout; /* NULL: bytes are at their own offsets */
	struct km_unread unread[KM_UNREAD_PLACES];
	size_t count; /* of unread */
	bool more;    /* there are further places */
	char text[512];
};

/* Use @fd, which remains the caller's. Return false, with errno, if it is not a regular file. */
bool km_file_init(struct km_file *file, int fd);

/*
 * Open the regular file @path for reading; the caller closes @file->fd. It does not wait for the
 * writer of a FIFO. KM_EREAD, KM_EDATA, without the path.
 */
km_error *km_file_open(const char *path, struct km_file *file);

/*
 * Read all @len bytes at offset @at, in @file->layout if there is one. Return false if they are not
 * all there: beyond the end that the file had when it was opened, or, if @file->count grows, not
 * readable.
 */
bool km_file_read(struct km_file *file, uint64_t at, void *buf, size_t len);

/*
 * Return "4096 bytes at offset 0x1000 could not be read: Input/output error", for all places, valid
 * until the next call; NULL: everything that was asked for has been read.
 */
const char *km_file_trouble(struct km_file *file);

/*
 * Return @err or, if something could not be read, an error that reports this instead, because this
 * may be why the file seems damaged or of another format. @err may be NULL.
 */
km_error *km_file_blame(struct km_file *file, km_error *err);

/* Return why the bytes could not be read. */
const char *km_unread_reason(const struct km_unread *unread);

#endif
