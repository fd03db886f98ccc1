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

bool flattened_is(int fd)
{
	struct header h;

	return pread(fd, &h, sizeof(h), 0) == sizeof(h) &&
	       !memcmp(h.signature, header_v1.signature, sizeof(h.signature)) &&
	       (int64_t)be64toh((uint64_t)h.type) == header_v1.type &&
	       (int64_t)be64toh((uint64_t)h.version) == header_v1.version;
}

/* The flattened dump, and the file that its pieces are written to. */
struct move {
	FILE *from, *to;
	int64_t size; /* of the flattened dump */
	int64_t at;   /* position in @to */
	char *buf;
	bool no_room; /* writing failed: try another folder */
};

static km_error *not_read(const struct move *m)
{
	return ferror(m->from) ? km_errorf(KM_EREAD, "%s", strerror(errno))
			       : km_errorf(KM_EDATA, "the flattened dump is truncated");
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

		if (fread(m->buf, 1, chunk, m->from) != chunk)
			return not_read(m);
		if (fwrite(m->buf, 1, chunk, m->to) != chunk)
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

	if (fseeko(m->from, HEADER_SIZE, SEEK_SET))
		return km_errorf(KM_EREAD, "%s", strerror(errno));
	while (fread(&r, sizeof(r), 1, m->from) == 1) {
		r.offset = (int64_t)be64toh((uint64_t)r.offset);
		r.size = (int64_t)be64toh((uint64_t)r.size);
		if (r.offset == -1 && r.size == -1)
			return fflush(m->to) ? not_written(m) : NULL;
		if (r.offset < 0 || r.size < 0 || r.offset > INT64_MAX - r.size)
			return km_errorf(KM_EDATA,
					 "damaged flattened dump: 0x%" PRIx64
					 " bytes at offset 0x%" PRIx64,
					 (uint64_t)r.size, (uint64_t)r.offset);
		if (r.size > m->size)
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

static km_error *rearrange_in(const char *folder, int fd, struct move *m, int *plain)
{
	km_error *err;

	m->at = 0;
	m->no_room = false;
	*plain = temporary_file(folder);
	if (*plain < 0)
		return km_error_context(not_written(m), "%s", folder);
	m->from = stream_of(fd, "r");
	m->to = stream_of(*plain, "w");
	err = m->from && m->to ? move_pieces(m) : km_errorf(KM_ENOMEM, "out of memory");
	if (m->to && fclose(m->to) && !err)
		err = not_written(m);
	if (m->from)
		fclose(m->from);
	if (err)
		close(*plain);
	return m->no_room ? km_error_context(err, "%s", folder) : err;
}

km_error *flattened_rearrange(int fd, const char *path, int *plain)
{
	const char *tmp = getenv("TMPDIR");
	struct move m = {.buf = malloc(BUFFER_SIZE)};
	char *beside = strdup(path);
	km_error *err = NULL;
	struct stat st;

	if (!m.buf || !beside)
		err = km_errorf(KM_ENOMEM, "out of memory");
	else if (fstat(fd, &st))
		err = km_errorf(KM_EREAD, "%s", strerror(errno));
	if (!err) {
		m.size = st.st_size;
		err = rearrange_in(tmp && *tmp ? tmp : "/var/tmp", fd, &m, plain);
	}
	if (m.no_room) {
		km_scoped_error *first = err;

		err = rearrange_in(dirname(beside), fd, &m, plain);
		if (m.no_room) {
			km_error_free(err);
			err = km_errorf(KM_EREAD,
					"no space to rearrange the %" PRId64 " MB of this "
					"flattened dump (%s): set TMPDIR, or use makedumpfile -R",
					m.size >> 20, km_error_text(first));
		}
	}
	free(m.buf);
	free(beside);
	return err;
}
