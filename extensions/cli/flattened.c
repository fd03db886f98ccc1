// SPDX-License-Identifier: GPL-2.0-or-later
#include "flattened.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_SIZE 4096 /* signature, type and version, padded */
#define BUFFER_SIZE (1u << 20)

/* All numbers in the format are big-endian. */
struct header {
	char signature[16];
	int64_t type, version;
};

struct record {
	int64_t offset, size; /* both -1: the end */
};

static const struct header header_v1 = {"makedumpfile", 1, 1};

bool flattened_is(struct km_file *file)
{
	struct header h;

	return km_file_read(file, 0, &h, sizeof(h)) &&
	       !memcmp(h.signature, header_v1.signature, sizeof(h.signature)) &&
	       (int64_t)be64toh((uint64_t)h.type) == header_v1.type &&
	       (int64_t)be64toh((uint64_t)h.version) == header_v1.version;
}

/* The flattened dump, and the file that its pieces are written to. */
struct move {
	struct km_file *from;
	FILE *to;
	uint64_t next; /* offset in @from of what follows @buf */
	size_t held;   /* bytes at the end of @buf that were not taken yet */
	int64_t at;    /* position in @to */
	char *buf;
	bool no_room; /* writing failed: try another folder */
};

static km_error *not_read(const struct move *m)
{
	const char *trouble = km_file_trouble(m->from);

	return trouble ? km_errorf(KM_EREAD, "%s", trouble)
		       : km_errorf(KM_EDATA, "the flattened dump is truncated");
}

/* Return up to *@len of the next bytes, and set *@len to their number; NULL: there are none. */
static const char *take(struct move *m, size_t *len)
{
	uint64_t left = m->from->size - m->next;
	size_t fill = left < BUFFER_SIZE ? (size_t)left : BUFFER_SIZE;

	if (!m->held) {
		if (!fill || !km_file_read(m->from, m->next, m->buf + BUFFER_SIZE - fill, fill))
			return NULL;
		m->next += fill;
		m->held = fill;
	}
	*len = *len < m->held ? *len : m->held;
	m->held -= *len;
	return m->buf + BUFFER_SIZE - m->held - *len;
}

static bool take_record(struct move *m, struct record *r)
{
	size_t done = 0;

	while (done < sizeof(*r)) {
		size_t len = sizeof(*r) - done;
		const char *bytes = take(m, &len);

		if (!bytes)
			return false;
		memcpy((char *)r + done, bytes, len);
		done += len;
	}
	return true;
}

static km_error *not_written(struct move *m)
{
	m->no_room = true;
	return km_errorf(KM_EREAD, "%s", strerror(errno));
}

static km_error *move_piece(struct move *m, const struct record *r)
{
	if (r->offset != m->at && fseeko(m->to, r->offset, SEEK_SET))
		return not_written(m);
	for (int64_t left = r->size; left;) {
		size_t chunk = left < BUFFER_SIZE ? (size_t)left : BUFFER_SIZE;
		const char *bytes = take(m, &chunk);

		if (!bytes)
			return not_read(m);
		if (fwrite(bytes, 1, chunk, m->to) != chunk)
			return not_written(m);
		left -= (int64_t)chunk;
	}
	m->at = r->offset + r->size;
	return NULL;
}

/* Pieces may overlap: makedumpfile rewrites its headers at the end. */
static km_error *move_pieces(struct move *m)
{
	struct record r;
	km_error *err;

	m->next = HEADER_SIZE < m->from->size ? HEADER_SIZE : m->from->size;
	m->held = 0;
	while (take_record(m, &r)) {
		r.offset = (int64_t)be64toh((uint64_t)r.offset);
		r.size = (int64_t)be64toh((uint64_t)r.size);
		if (r.offset == -1 && r.size == -1)
			return fflush(m->to) ? not_written(m) : NULL;
		if (r.offset < 0 || r.size < 0 || r.offset > INT64_MAX - r.size)
			return km_errorf(KM_EDATA,
					 "damaged flattened dump: 0x%" PRIx64
					 " bytes at offset 0x%" PRIx64,
					 (uint64_t)r.size, (uint64_t)r.offset);
		if ((uint64_t)r.size > m->from->size)
			return not_read(m);
		err = move_piece(m, &r);
		if (err)
			return err;
	}
	return not_read(m);
}

/* Create a file without a name in @folder; unlink it where O_TMPFILE is not supported. */
static int temporary_file(const char *folder)
{
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char *name;

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR) ||
	    asprintf(&name, "%s/kvmmmu-XXXXXX", folder) < 0)
		return fd;
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		unlink(name);
	free(name);
	return fd;
}

static FILE *stream_of(int fd, const char *mode)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	FILE *stream = own >= 0 ? fdopen(own, mode) : NULL;

	if (!stream && own >= 0)
		close(own);
	return stream;
}

static km_error *rearrange_in(const char *folder, struct move *m, int *plain)
{
	km_error *err;

	m->at = 0;
	m->no_room = false;
	*plain = temporary_file(folder);
	if (*plain < 0)
		return km_error_context(not_written(m), "%s", folder);
	m->to = stream_of(*plain, "w");
	err = m->to ? move_pieces(m) : km_errorf(KM_ENOMEM, "out of memory");
	if (m->to && fclose(m->to) && !err)
		err = not_written(m);
	if (err)
		close(*plain);
	return m->no_room ? km_error_context(err, "%s", folder) : err;
}

km_error *flattened_rearrange(struct km_file *file, const char *path, int *plain)
{
	const char *tmp = getenv("TMPDIR");
	struct move m = {.from = file, .buf = malloc(BUFFER_SIZE)};
	char *beside = strdup(path);
	km_error *err = NULL;

	if (!m.buf || !beside)
		err = km_errorf(KM_ENOMEM, "out of memory");
	if (!err)
		err = rearrange_in(tmp && *tmp ? tmp : "/var/tmp", &m, plain);
	if (m.no_room) {
		km_scoped_error *first = err;

		err = rearrange_in(dirname(beside), &m, plain);
		if (m.no_room) {
			km_error_free(err);
			err = km_errorf(KM_EREAD,
					"no space to rearrange the %" PRIu64 " MB of this "
					"flattened dump (%s): set TMPDIR, or use makedumpfile -R",
					m.from->size >> 20, km_error_text(first));
		}
	}
	free(m.buf);
	free(beside);
	return err;
}
