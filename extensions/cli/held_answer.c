// SPDX-License-Identifier: GPL-2.0-or-later
#include "held_answer.h"

#include "base/temporary.h"
#include "write_all.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is in memory before a file is used. A test sets another number. */
#ifndef IN_MEMORY
#define IN_MEMORY ((size_t)4 << 20)
#endif

#define CHUNK ((size_t)1 << 16)

static bool keep_in_memory(struct held_answer *held, const char *bytes, size_t len)
{
	while (held->room - held->len < len) {
		size_t room = held->room ? 2 * held->room : CHUNK;
		char *grown = realloc(held->bytes, room);

		if (!grown)
			return false;
		held->bytes = grown;
		held->room = room;
	}
	memcpy(held->bytes + held->len, bytes, len);
	held->len += len;
	return true;
}

static bool keep_in_file(struct held_answer *held, const char *bytes, size_t len)
{
	if (!held->file)
		held->file = km_temporary_file() + 1;
	if (!held->file || !write_all(held->file - 1, bytes, len))
		return false;
	held->file_len += len;
	return true;
}

/* Where no file can be created, the rest is in memory, too. */
static ssize_t keep(void *cookie, const char *bytes, size_t len)
{
	struct held_answer *held = cookie;
	bool kept;

	if (held->file)
		kept = keep_in_file(held, bytes, len);
	else if (held->len + len > IN_MEMORY && keep_in_file(held, bytes, len))
		kept = true;
	else
		kept = !held->file && keep_in_memory(held, bytes, len);
	held->failed |= !kept;
	return kept ? (ssize_t)len : 0;
}

/* The stream itself asks where it is; all else cuts off. */
static int seek(void *cookie, off64_t *offset, int whence)
{
	struct held_answer *held = cookie;
	uint64_t end = held->len + held->file_len;
	uint64_t to = whence == SEEK_SET ? (uint64_t)*offset : end + (uint64_t)*offset;

	if (to > end)
		return -1;
	if (held->file && to < end) {
		held->file_len = to > held->len ? to - held->len : 0;
		if (ftruncate(held->file - 1, (off_t)held->file_len) ||
		    lseek(held->file - 1, (off_t)held->file_len, SEEK_SET) < 0)
			return -1;
	}
	if (to < held->len)
		held->len = to;
	*offset = (off64_t)to;
	return 0;
}

FILE *held_answer_open(struct held_answer *held)
{
	return fopencookie(held, "w", (cookie_io_functions_t){.write = keep, .seek = seek});
}

km_error *held_answer_write(const struct held_answer *held, int fd, bool *gone)
{
	km_error *err = write_answer(fd, held->bytes, held->len, gone);
	char chunk[CHUNK];

	for (uint64_t at = 0; at < held->file_len && !err && !*gone;) {
		ssize_t got = pread(held->file - 1, chunk, CHUNK, (off_t)at);

		if (got > 0)
			err = write_answer(fd, chunk, (size_t)got, gone);
		else if (!got || errno != EINTR)
			err = km_errorf(KM_EWRITE, "cannot read the temporary file: %s",
					got ? strerror(errno) : "it is shorter now");
		at += got > 0 ? (uint64_t)got : 0;
	}
	return err;
}

void held_answer_deinit(struct held_answer *held)
{
	free(held->bytes);
	if (held->file)
		close(held->file - 1);
	*held = (struct held_answer){0};
}
