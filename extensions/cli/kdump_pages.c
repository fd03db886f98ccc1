// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pages are read and unpacked here, not by libkdumpfile 0.5.1: in "perms" of the lab's 256 MB dump
 * its page cache, which is searched linearly, took 63 of 590 million instructions (85 of 254 of the
 * ELF dump), zlib's inflate() another 320, which libdeflate halves. It keeps 24 bytes for each run
 * of pages, up to 1.6 GB for 6 TB with holes, and crashes on headers that a child process had to
 * try first.
 */
#include "kdump_pages.h"

#include "dump/kdump_header.h"

#include <inttypes.h>
#include <libdeflate.h>
#include <lzo/lzo1x.h>
#include <snappy-c.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define PAGE	   4096
#define CHUNK	   4096 /* bytes of the bitmap that are read at once */
#define CHUNK_PFNS (CHUNK * 8)
#define AT_ONCE	   64	      /* chunks that are read at once to count all pages */
#define MAX_ALIKE  (1u << 20) /* pages of zeros at the end: of 4 GiB */

/* struct page_desc */
struct desc {
	uint64_t offset;
	uint32_t size, flags;
	uint64_t page_flags;
};

#define FLAG_ZLIB    0x1
#define FLAG_LZO     0x2
#define FLAG_SNAPPY  0x4
#define FLAG_ZSTD    0x20
#define FLAGS_PACKED (FLAG_ZLIB | FLAG_LZO | FLAG_SNAPPY | FLAG_ZSTD)

struct kdump_pages {
	struct km_file *file;
	struct km_kdump_header header;
	uint64_t *before;  /* for each chunk of the bitmap: pages in the dump before it */
	uint64_t chunk_at; /* offset in the file of what @chunk contains; 0: nothing */
	uint64_t start;	   /* pages before header.start_pfn, which have no descriptors here */
	unsigned char chunk[CHUNK];
	struct libdeflate_decompressor *zlib; /* made at first use */
	ZSTD_DCtx *zstd;
	bool held; /* @page contains page @pfn */
	uint64_t pfn;
	unsigned char packed[PAGE], page[PAGE];
};

/* Inlined into callers that are built with and without the processor's own instruction. */
static inline __attribute__((always_inline)) uint64_t sum_bits(const unsigned char *bits,
							       size_t bytes)
{
	uint64_t count = 0, word;

	for (size_t i = 0; i + sizeof(word) <= bytes; i += sizeof(word)) {
		memcpy(&word, bits + i, sizeof(word));
		count += (unsigned)__builtin_popcountll(word);
	}
	for (size_t i = bytes & -sizeof(word); i < bytes; i++)
		count += (unsigned)__builtin_popcount(bits[i]);
	return count;
}

#ifdef __x86_64__
__attribute__((target("popcnt"))) static uint64_t sum_bits_fast(const unsigned char *bits,
								size_t bytes)
{
	return sum_bits(bits, bytes);
}

static uint64_t count_bits(const unsigned char *bits, size_t bytes)
{
	return __builtin_cpu_supports("popcnt") ? sum_bits_fast(bits, bytes)
						: sum_bits(bits, bytes);
}
#else
static uint64_t count_bits(const unsigned char *bits, size_t bytes)
{
	return sum_bits(bits, bytes);
}
#endif

static bool load_chunk(struct kdump_pages *p, uint64_t number)
{
	uint64_t at = p->header.bitmap + number * CHUNK;

	if (p->chunk_at == at)
		return true;
	p->chunk_at = 0;
	if (!km_file_read(p->file, at, p->chunk, CHUNK))
		return false;
	p->chunk_at = at;
	return true;
}

/* Count the pages in the dump before @pfn. Loads the chunk of @pfn. */
static bool count_before(struct kdump_pages *p, uint64_t pfn, uint64_t *count)
{
	uint64_t bit = pfn % CHUNK_PFNS;

	if (!load_chunk(p, pfn / CHUNK_PFNS))
		return false;
	*count = p->before[pfn / CHUNK_PFNS] + count_bits(p->chunk, bit / 8) +
		 (unsigned)__builtin_popcount(p->chunk[bit / 8] & ((1u << bit % 8) - 1));
	return true;
}

/* Fill p->before for all @chunks, with a buffer for AT_ONCE of them. */
static bool count_chunks(struct kdump_pages *p, uint64_t chunks, unsigned char *buf)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < chunks; i++) {
		const unsigned char *chunk = buf + i % AT_ONCE * CHUNK;
		uint64_t left = chunks - i < AT_ONCE ? chunks - i : AT_ONCE;

		if (i % AT_ONCE == 0 &&
		    !km_file_read(p->file, p->header.bitmap + i * CHUNK, buf, left * CHUNK))
			return false;
		p->before[i] = sum;
		sum += count_bits(chunk, CHUNK);
	}
	return true;
}

static km_error *count_pages(struct kdump_pages *p)
{
	const struct km_kdump_header *h = &p->header;
	uint64_t chunks = (h->descs - h->bitmap) / CHUNK;
	unsigned char *buf = malloc(AT_ONCE * CHUNK);
	bool counted;

	p->before = calloc(chunks + 1, sizeof(*p->before));
	if (!p->before || !buf) {
		free(buf);
		return km_errorf(KM_ENOMEM, "out of memory");
	}
	counted = count_chunks(p, chunks, buf);
	free(buf);
	if (!counted || (h->start_pfn < h->end_pfn && !count_before(p, h->start_pfn, &p->start)))
		return km_errorf(KM_EDATA, "the bitmap of its pages is not readable");
	return NULL;
}

/*
 * Read the descriptors before the @count-th, which is *@last, back to the last one that is not of
 * the same data as it. Return false, with *@last unchanged, if there is none, or not within
 * MAX_ALIKE.
 */
static bool find_other(struct kdump_pages *p, uint64_t count, struct desc *last)
{
	uint64_t end = count - 1, least = end > MAX_ALIKE ? end - MAX_ALIKE : 0;
	struct desc descs[512];

	while (end > least) {
		uint64_t n = end - least < 512 ? end - least : 512;

		end -= n;
		if (!km_file_read(p->file, p->header.descs + end * sizeof(descs[0]), descs,
				  n * sizeof(descs[0])))
			return false;
		while (n--) {
			if (descs[n].offset == last->offset)
				continue;
			*last = descs[n];
			return true;
		}
	}
	return false;
}

static bool is_outside(const struct kdump_pages *p, const struct desc *desc)
{
	return desc->offset > p->file->size || desc->size > p->file->size - desc->offset;
}

/*
 * Is the last page in the file? They are written in order, but all pages of zeros are one, which is
 * written first (makedumpfile -d 1): if the last page is one, the last other page tells.
 */
static bool is_cut_off(struct kdump_pages *p)
{
	const struct km_kdump_header *h = &p->header;
	uint64_t count, at;
	struct desc desc;

	if (h->start_pfn >= h->end_pfn || !count_before(p, h->end_pfn - 1, &count))
		return false;
	count += p->chunk[(h->end_pfn - 1) % CHUNK_PFNS / 8] >> (h->end_pfn - 1) % 8 & 1;
	if (count == p->start)
		return false;
	count -= p->start;
	at = h->descs + (count - 1) * sizeof(desc);
	if (at > p->file->size || sizeof(desc) > p->file->size - at)
		return true;
	if (!km_file_read(p->file, at, &desc, sizeof(desc)))
		return false; /* the answer names the error */
	return is_outside(p, &desc) || (find_other(p, count, &desc) && is_outside(p, &desc));
}

const struct km_dump_loss *kdump_pages_loss(const struct kdump_pages *p)
{
	return &p->header.loss;
}

km_error *kdump_pages_open(struct km_file *file, struct kdump_pages **out)
{
	struct kdump_pages *p = calloc(1, sizeof(*p));
	km_error *err;

	if (!p)
		return km_errorf(KM_ENOMEM, "out of memory");
	p->file = file;
	err = km_kdump_header_read(file, &p->header);
	if (!err)
		err = count_pages(p);
	if (err) {
		kdump_pages_close(p);
		return err;
	}
	p->header.loss.cut_off = is_cut_off(p);
	*out = p;
	return NULL;
}

void kdump_pages_close(struct kdump_pages *p)
{
	if (!p)
		return;
	libdeflate_free_decompressor(p->zlib);
	ZSTD_freeDCtx(p->zstd);
	free(p->before);
	free(p);
}

static km_error *damaged(uint64_t pfn, const char *how)
{
	return km_errorf(KM_EREAD, "physical address 0x%" PRIx64 ": %s", pfn * PAGE, how);
}

/* Compressed by at most one method, into no more than a page? */
static bool is_sane(const struct desc *desc)
{
	uint32_t packed = desc->flags & FLAGS_PACKED;

	return desc->size && desc->size <= PAGE && !(packed & (packed - 1)) &&
	       (packed || desc->size == PAGE);
}

static km_error *find_desc(struct kdump_pages *p, uint64_t pfn, struct desc *desc)
{
	uint64_t before;

	if (pfn < p->header.start_pfn || pfn >= p->header.end_pfn ||
	    !count_before(p, pfn, &before) || !(p->chunk[pfn % CHUNK_PFNS / 8] >> pfn % 8 & 1))
		return km_errorf(KM_EREAD, "physical address 0x%" PRIx64 " is not in the dump",
				 pfn * PAGE);
	if (!km_file_read(p->file, p->header.descs + (before - p->start) * sizeof(*desc), desc,
			  sizeof(*desc)))
		return damaged(pfn, "beyond the end of the truncated dump");
	if (!is_sane(desc))
		return damaged(pfn, "damaged dump: an impossible page descriptor");
	if (desc->offset > p->file->size || desc->size > p->file->size - desc->offset)
		return damaged(pfn, "beyond the end of the truncated dump");
	return NULL;
}

static bool unpack_zlib(struct kdump_pages *p, size_t size)
{
	size_t len = 0;

	if (!p->zlib && !(p->zlib = libdeflate_alloc_decompressor()))
		return false;
	return libdeflate_zlib_decompress(p->zlib, p->packed, size, p->page, PAGE, &len) ==
		       LIBDEFLATE_SUCCESS &&
	       len == PAGE;
}

static bool unpack_lzo(struct kdump_pages *p, size_t size)
{
	lzo_uint len = PAGE;

	return lzo1x_decompress_safe(p->packed, size, p->page, &len, NULL) == LZO_E_OK &&
	       len == PAGE;
}

static bool unpack_snappy(struct kdump_pages *p, size_t size)
{
	size_t len = PAGE;

	return snappy_uncompress((const char *)p->packed, size, (char *)p->page, &len) ==
		       SNAPPY_OK &&
	       len == PAGE;
}

static bool unpack_zstd(struct kdump_pages *p, size_t size)
{
	if (!p->zstd && !(p->zstd = ZSTD_createDCtx()))
		return false;
	return ZSTD_decompressDCtx(p->zstd, p->page, PAGE, p->packed, size) == PAGE;
}

/* Unpack p->packed into p->page. */
static bool unpack(struct kdump_pages *p, const struct desc *desc)
{
	switch (desc->flags & FLAGS_PACKED) {
	case FLAG_ZLIB:
		return unpack_zlib(p, desc->size);
	case FLAG_LZO:
		return unpack_lzo(p, desc->size);
	case FLAG_SNAPPY:
		return unpack_snappy(p, desc->size);
	case FLAG_ZSTD:
		return unpack_zstd(p, desc->size);
	default:
		memcpy(p->page, p->packed, PAGE);
		return true;
	}
}

/* Make p->page contain page @pfn. */
static km_error *load_page(struct kdump_pages *p, uint64_t pfn)
{
	struct desc desc;
	km_error *err;

	if (p->held && p->pfn == pfn)
		return NULL;
	p->held = false;
	err = find_desc(p, pfn, &desc);
	if (err)
		return err;
	if (!km_file_read(p->file, desc.offset, p->packed, desc.size))
		return damaged(pfn, "the dump file is not readable there");
	if (!unpack(p, &desc))
		return damaged(pfn, "damaged dump: the page cannot be decompressed");
	p->held = true;
	p->pfn = pfn;
	return NULL;
}

km_error *kdump_pages_read(struct kdump_pages *p, uint64_t pa, void *buf, size_t len)
{
	uint8_t *out = buf;

	while (len) {
		size_t in_page = pa % PAGE;
		size_t size = PAGE - in_page < len ? PAGE - in_page : len;
		km_error *err = load_page(p, pa / PAGE);

		if (err)
			return err;
		memcpy(out, p->page + in_page, size);
		out += size;
		pa += size;
		len -= size;
	}
	return NULL;
}
