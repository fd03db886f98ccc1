// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/file_read.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 4096 /* of a large range, bytes that one error is about */

bool km_file_init(struct km_file *file, int fd)
{
	struct stat st;

	memset(file, 0, sizeof(*file));
	file->fd = fd;
	if (fstat(fd, &st))
		return false;
	if (!S_ISREG(st.st_mode)) {
		errno = EINVAL;
		return false;
	}
	file->stored = (uint64_t)st.st_size;
	file->size = file->stored;
	return true;
}

km_error *km_file_open(const char *path, struct km_file *file)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return km_errorf(KM_EREAD, "%s", strerror(errno));
	if (km_file_init(file, fd))
		return NULL;
	close(fd);
	return km_errorf(KM_EDATA, "not a regular file");
}

/* Return how many bytes were read; -1 with errno. */
static ssize_t read_once(int fd, uint64_t at, void *buf, size_t len)
{
	ssize_t got;

	do
		got = pread(fd, buf, len, (off_t)at);
	while (got < 0 && errno == EINTR);
	if (got <= (ssize_t)len)
		return got;
	errno = EIO; /* more than was asked for */
	return -1;
}

/*
 * Return 0, or the reason why not all bytes were read; *@done is the number that were. A short read
 * is repeated as a whole. If it is short again, a read of the bytes after it shows the reason.
 */
static int read_whole(int fd, uint64_t at, uint8_t *buf, size_t len, size_t *done)
{
	ssize_t got = read_once(fd, at, buf, len), rest;

	*done = 0;
	if (got >= 0 && (size_t)got < len)
		got = read_once(fd, at, buf, len);
	if (got < 0)
		return errno;
	*done = (size_t)got;
	if (*done == len)
		return 0;
	rest = read_once(fd, at + *done, buf + *done, len - *done);
	if (rest < 0)
		return errno;
	if ((size_t)rest == len - *done)
		return 0;
	return rest ? KM_UNREAD_SHORT : KM_UNREAD_GONE;
}

/* Extend an adjacent range, or add a new one. */
static void add_place(struct km_file *file, uint64_t at, uint64_t len, int error)
{
	for (size_t i = 0; i < file->count; i++) {
		struct km_unread *u = &file->unread[i];
		uint64_t end = at + len > u->at + u->len ? at + len : u->at + u->len;

		if (u->error != error || at > u->at + u->len || u->at > at + len)
			continue;
		u->at = at < u->at ? at : u->at;
		u->len = end - u->at;
		return;
	}
	if (file->count == KM_UNREAD_PLACES)
		file->more = true;
	else
		file->unread[file->count++] = (struct km_unread){at, len, error};
}

static bool read_in_place(struct km_file *file, uint64_t at, void *buf, size_t len)
{
	uint64_t from, left;
	size_t done;
	int error;

	if (at > file->stored || len > file->stored - at)
		return false;
	error = read_whole(file->fd, at, buf, len, &done);
	if (!error)
		return true;
	/* what is behind the block may be readable: callers read large ranges again, in pages */
	from = at + done;
	left = len - done;
	if (left > BLOCK && error != KM_UNREAD_GONE)
		left = BLOCK;
	add_place(file, from, left, error);
	return false;
}

bool km_file_read(struct km_file *file, uint64_t at, void *buf, size_t len)
{
	const struct km_file_layout *layout = file->layout;
	uint64_t from, run;

	if (!layout)
		return read_in_place(file, at, buf, len);
	if (at > file->size || len > file->size - at)
		return false;
	for (size_t done = 0; done < len; done += run) {
		layout->find(layout, at + done, &from, &run);
		run = run < len - done ? run : len - done;
		if (from == KM_FILE_HOLE)
			memset((uint8_t *)buf + done, 0, run);
		else if (!read_in_place(file, from, (uint8_t *)buf + done, run))
			return false;
	}
	return true;
}

const char *km_unread_reason(const struct km_unread *unread)
{
	switch (unread->error) {
	case KM_UNREAD_GONE:
		return "the file has become shorter";
	case KM_UNREAD_SHORT:
		return "read() returns fewer bytes than the file has";
	default:
		return strerror(unread->error);
	}
}

const char *km_file_trouble(struct km_file *file)
{
	size_t used = 0, shown = 0;

	for (; shown < file->count && shown < 3; shown++) {
		const struct km_unread *u = &file->unread[shown];
		int len = snprintf(file->text + used, sizeof(file->text) - used,
				   "%s%" PRIu64 " bytes at offset 0x%" PRIx64
				   " could not be read: %s",
				   shown ? "; " : "", u->len, u->at, km_unread_reason(u));

		used += len > 0 && (size_t)len < sizeof(file->text) - used ? (size_t)len : 0;
	}
	if (shown < file->count || file->more)
		snprintf(file->text + used, sizeof(file->text) - used, "; and in other places");
	return file->count ? file->text : NULL;
}

km_error *km_file_blame(struct km_file *file, km_error *err)
{
	const char *trouble = err ? km_file_trouble(file) : NULL;

	if (!trouble)
		return err;
	km_error_free(err);
	return km_errorf(KM_EREAD, "%s", trouble);
}
