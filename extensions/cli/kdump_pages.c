// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump_pages.h"

#include "../kvmmmu/kdump_header.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE	   4096
#define CHUNK	   4096 /* bytes of the bitmap that are looked at together */
#define CHUNK_PFNS (CHUNK * 8)
#define MAX_RUNS   (64u << 20) /* of pages: libkdumpfile holds 24 bytes of each in memory */

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
	int fd;
	struct km_kdump_header header;
	uint64_t *before; /* of each chunk of the bitmap: how many pages the dump holds before it */
	uint64_t chunk_at; /* the chunk in @chunk, in the file; 0: none */
	uint64_t start; /* pages before header.start_pfn, which this file has no descriptors of */
	uint64_t file;	/* its size */
	unsigned char chunk[CHUNK];
};

static bool read_at(int fd, void *buf, size_t len, uint64_t at)
{
	return at <= INT64_MAX && pread(fd, buf, len, (off_t)at) == (ssize_t)len;
}

static uint64_t count_bits(const unsigned char *bits, size_t bytes)
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

/* How many runs of ones begin in a chunk; *@last is its last bit, before that of the one before. */
static uint64_t count_runs(const unsigned char chunk[CHUNK], uint64_t *last)
{
	uint64_t count = 0, word;

	for (size_t i = 0; i < CHUNK; i += sizeof(word)) {
		memcpy(&word, chunk + i, sizeof(word));
		count += (unsigned)__builtin_popcountll(word & ~(word << 1 | *last));
		*last = word >> 63;
	}
	return count;
}

static bool load_chunk(struct kdump_pages *p, uint64_t number)
{
	uint64_t at = p->header.bitmap + number * CHUNK;

	if (p->chunk_at == at)
		return true;
	p->chunk_at = 0;
	if (!read_at(p->fd, p->chunk, CHUNK, at))
		return false;
	p->chunk_at = at;
	return true;
}

/* How many pages the dump holds before @pfn; its chunk is loaded then. */
static bool count_before(struct kdump_pages *p, uint64_t pfn, uint64_t *count)
{
	uint64_t bit = pfn % CHUNK_PFNS;

	if (!load_chunk(p, pfn / CHUNK_PFNS))
		return false;
	*count = p->before[pfn / CHUNK_PFNS] + count_bits(p->chunk, bit / 8) +
		 (unsigned)__builtin_popcount(p->chunk[bit / 8] & ((1u << bit % 8) - 1));
	return true;
}

static km_error *count_pages(struct kdump_pages *p)
{
	const struct km_kdump_header *h = &p->header;
	uint64_t chunks = (h->descs - h->bitmap) / CHUNK, sum = 0, runs = 0, last = 0;

	p->before = calloc(chunks + 1, sizeof(*p->before));
	if (!p->before)
		return km_errorf(KM_ENOMEM, "out of memory");
	for (uint64_t i = 0; i < chunks; i++) {
		if (!load_chunk(p, i))
			return km_errorf(KM_EDATA, "the bitmap of its pages can't be read");
		p->before[i] = sum;
		sum += count_bits(p->chunk, CHUNK);
		runs += count_runs(p->chunk, &last);
	}
	if (runs > MAX_RUNS)
		return km_errorf(KM_EDATA, "its pages are in too many pieces: %" PRIu64, runs);
	if (h->start_pfn < h->end_pfn && !count_before(p, h->start_pfn, &p->start))
		return km_errorf(KM_EDATA, "the bitmap of its pages can't be read");
	return NULL;
}

km_error *kdump_pages_open(int fd, struct kdump_pages **out)
{
	struct kdump_pages *p = calloc(1, sizeof(*p));
	struct stat st;
	km_error *err;

	if (!p)
		return km_errorf(KM_ENOMEM, "out of memory");
	p->fd = fd;
	if (!fstat(fd, &st))
		p->file = (uint64_t)st.st_size;
	err = km_kdump_header_read(fd, &p->header);
	if (!err)
		err = count_pages(p);
	if (err) {
		kdump_pages_close(p);
		return err;
	}
	*out = p;
	return NULL;
}

void kdump_pages_close(struct kdump_pages *p)
{
	if (p)
		free(p->before);
	free(p);
}

static km_error *damaged(uint64_t pfn, const char *how)
{
	return km_errorf(KM_EREAD, "physical address 0x%" PRIx64 ": %s", pfn * PAGE, how);
}

/* Packed by one of those that libkdumpfile may know, into no more than a page. */
static bool is_sane(const struct desc *desc)
{
	uint32_t packed = desc->flags & FLAGS_PACKED;

	return desc->size && desc->size <= PAGE && !(packed & (packed - 1)) &&
	       (packed || desc->size == PAGE);
}

static km_error *hold_page(struct kdump_pages *p, uint64_t pfn)
{
	uint64_t before;
	struct desc desc;

	if (pfn < p->header.start_pfn || pfn >= p->header.end_pfn ||
	    !count_before(p, pfn, &before) || !(p->chunk[pfn % CHUNK_PFNS / 8] >> pfn % 8 & 1))
		return km_errorf(KM_EREAD, "physical address 0x%" PRIx64 " is not in the dump",
				 pfn * PAGE);
	if (!read_at(p->fd, &desc, sizeof(desc),
		     p->header.descs + (before - p->start) * sizeof(desc)))
		return damaged(pfn, "the dump is cut off before it");
	if (!is_sane(&desc))
		return damaged(pfn, "damaged dump: a page that can't be one");
	if (desc.offset > p->file || desc.size > p->file - desc.offset)
		return damaged(pfn, "the dump is cut off before it");
	return NULL;
}

km_error *kdump_pages_hold(struct kdump_pages *p, uint64_t pa, size_t len)
{
	for (uint64_t pfn = pa / PAGE; pfn <= (pa + len - 1) / PAGE; pfn++) {
		km_error *err = hold_page(p, pfn);

		if (err)
			return err;
	}
	return NULL;
}
