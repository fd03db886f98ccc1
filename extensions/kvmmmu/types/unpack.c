// SPDX-License-Identifier: GPL-2.0-or-later
#include "types/unpack.h"

#include <limits.h>
#include <lzma.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>
#include <zstd.h>

/* Debuginfo is compressed about 5:1, and no vmlinux is larger than 2 GiB. */
#define MAX_IMAGE   ((size_t)2 << 30)
#define MAX_RATIO   100
#define FIRST_IMAGE ((size_t)16 << 20)
#define XZ_MEMORY   ((uint64_t)256 << 20)

enum status { MORE, DONE, BAD, NEED_ROOM };

/* The input that is left, and the output. */
struct stream {
	const uint8_t *in;
	size_t in_len;
	uint8_t *out;
	size_t out_len; /* written */
	size_t out_cap;
	size_t out_max;
	union {
		lzma_stream xz;
		ZSTD_DStream *zstd;
		z_stream gz;
	} u;
};

struct format {
	const char *name;
	size_t magic_len;
	uint8_t magic[6];
	bool (*init)(struct stream *s);
	/* Decode until input or room for output is exhausted. */
	enum status (*step)(struct stream *s);
	void (*deinit)(struct stream *s);
};

static bool xz_init(struct stream *s)
{
	s->u.xz = (lzma_stream)LZMA_STREAM_INIT;
	return lzma_stream_decoder(&s->u.xz, XZ_MEMORY, LZMA_CONCATENATED) == LZMA_OK;
}

static enum status xz_step(struct stream *s)
{
	lzma_stream *xz = &s->u.xz;
	lzma_ret ret;

	xz->next_in = s->in;
	xz->avail_in = s->in_len;
	xz->next_out = s->out + s->out_len;
	xz->avail_out = s->out_cap - s->out_len;
	ret = lzma_code(xz, LZMA_FINISH);
	s->in = xz->next_in;
	s->in_len = xz->avail_in;
	s->out_len = s->out_cap - xz->avail_out;
	if (ret == LZMA_STREAM_END)
		return DONE;
	if (ret != LZMA_OK)
		return BAD;
	return xz->avail_out ? MORE : NEED_ROOM;
}

static void xz_deinit(struct stream *s)
{
	lzma_end(&s->u.xz);
}

static bool zstd_init(struct stream *s)
{
	s->u.zstd = ZSTD_createDStream();
	return s->u.zstd;
}

static enum status zstd_step(struct stream *s)
{
	ZSTD_inBuffer in = {s->in, s->in_len, 0};
	ZSTD_outBuffer out = {s->out, s->out_cap, s->out_len};
	size_t ret = ZSTD_decompressStream(s->u.zstd, &out, &in);
	bool stuck = !in.pos && out.pos == s->out_len;

	s->in += in.pos;
	s->in_len -= in.pos;
	s->out_len = out.pos;
	if (ZSTD_isError(ret))
		return BAD;
	if (!ret && !s->in_len)
		return DONE;
	if (out.pos == out.size)
		return NEED_ROOM;
	return stuck || !s->in_len ? BAD : MORE;
}

static void zstd_deinit(struct stream *s)
{
	ZSTD_freeDStream(s->u.zstd);
}

static bool gz_init(struct stream *s)
{
	s->u.gz = (z_stream){};
	return inflateInit2(&s->u.gz, 15 + 16) == Z_OK;
}

static enum status gz_step(struct stream *s)
{
	z_stream *gz = &s->u.gz;
	size_t room = s->out_cap - s->out_len;
	uInt in = s->in_len > INT_MAX ? INT_MAX : s->in_len;
	uInt out = room > INT_MAX ? INT_MAX : room;
	int ret;

	gz->next_in = (Bytef *)s->in;
	gz->avail_in = in;
	gz->next_out = s->out + s->out_len;
	gz->avail_out = out;
	ret = inflate(gz, Z_NO_FLUSH);
	s->in += in - gz->avail_in;
	s->in_len -= in - gz->avail_in;
	s->out_len += out - gz->avail_out;
	if (ret == Z_STREAM_END)
		return DONE;
	if (ret != Z_OK && ret != Z_BUF_ERROR)
		return BAD;
	if (s->out_len == s->out_cap)
		return NEED_ROOM;
	return ret == Z_BUF_ERROR ? BAD : MORE;
}

static void gz_deinit(struct stream *s)
{
	inflateEnd(&s->u.gz);
}

static const struct format formats[] = {
	{"xz", 6, {0xfd, '7', 'z', 'X', 'Z', 0}, xz_init, xz_step, xz_deinit},
	{"zstd", 4, {0x28, 0xb5, 0x2f, 0xfd}, zstd_init, zstd_step, zstd_deinit},
	{"gzip", 3, {0x1f, 0x8b, 8}, gz_init, gz_step, gz_deinit},
};

static const struct format *format_of(const void *data, size_t len)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		if (len >= formats[i].magic_len &&
		    !memcmp(data, formats[i].magic, formats[i].magic_len))
			return &formats[i];
	return NULL;
}

bool km_is_packed(const void *data, size_t len)
{
	return format_of(data, len);
}

const char *km_unpacker(const void *data, size_t len)
{
	const struct format *format = format_of(data, len);

	return format ? format->name : NULL;
}

/* Pages of a dump are read in any order, which a compressed file does not allow. */
km_error *km_packed_dump(const char *unpacker)
{
	return km_errorf(KM_EDATA,
			 "compressed, and not a capsule: to read a dump, unpack it, or use \"%s "
			 "-dc FILE | kvmmmu - COMMAND\", which needs as much space in $TMPDIR as "
			 "the unpacked dump, each time",
			 unpacker);
}

/* Double the room for output, without copying. */
static km_error *grow(struct stream *s)
{
	size_t cap = s->out_cap ? 2 * s->out_cap : FIRST_IMAGE;
	void *out;

	if (s->out_cap >= s->out_max)
		return km_errorf(KM_EDEBUGINFO, "unpacks to more than %zu MiB", s->out_max >> 20);
	if (s->out)
		out = mremap(s->out, s->out_cap, cap, MREMAP_MAYMOVE);
	else
		out = mmap(NULL, cap, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (out == MAP_FAILED)
		return km_errorf(KM_ENOMEM, "out of memory");
	s->out = out;
	s->out_cap = cap;
	return NULL;
}

static km_error *run(const struct format *format, struct stream *s)
{
	km_error *err = grow(s);
	enum status status;

	while (!err) {
		status = format->step(s);
		if (status == DONE)
			break;
		if (status == BAD)
			return km_errorf(KM_EDEBUGINFO, "damaged %s data", format->name);
		if (status == NEED_ROOM)
			err = grow(s);
	}
	if (!err && !s->out_len)
		err = km_errorf(KM_EDEBUGINFO, "empty %s data", format->name);
	return err;
}

km_error *km_unpack(const void *data, size_t len, void **image, size_t *size)
{
	const struct format *format = format_of(data, len);
	struct stream s = {.in = data, .in_len = len, .out_max = MAX_IMAGE};
	km_error *err;

	if (!format)
		return km_errorf(KM_EDEBUGINFO, "not xz, zstd or gzip");
	if (len < MAX_IMAGE / MAX_RATIO)
		s.out_max = FIRST_IMAGE + len * MAX_RATIO;
	if (!format->init(&s))
		return km_errorf(KM_ENOMEM, "out of memory");
	err = run(format, &s);
	format->deinit(&s);
	if (!err) {
		/* shrinking does not move the mapping; munmap() rounds the size up as well */
		*image = mremap(s.out, s.out_cap, s.out_len, 0);
		*size = s.out_len;
		if (*image != MAP_FAILED)
			return NULL;
		err = km_errorf(KM_ENOMEM, "out of memory");
	}
	if (s.out)
		munmap(s.out, s.out_cap);
	return err;
}
