// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/kdump_header.h"

#include <inttypes.h>
#include <string.h>

#define BLOCK	       4096	    /* the page size of x86 */
#define MAX_PFN	       (1ULL << 34) /* 64 TiB */
#define MAX_NOTES      (64u << 20)
#define OLDEST_VERSION 4	     /* the first with notes */
#define WIDE_SINCE     6	     /* the first whose page numbers have 64 bits */
#define MACHINE	       (12 + 4 * 65) /* of struct new_utsname, which is at 12 */
#define HEADER_SIZE    464
#define INCOMPLETE     0x8 /* DUMP_DH_COMPRESSED_INCOMPLETE in status */
#define SUB_SIZE       104

/*
 * Offsets of members in struct disk_dump_header and, one block later, in struct kdump_sub_header
 * (diskdump_mod.h of makedumpfile). The 32-bit forms are packed.
 */
struct places {
	unsigned status, block_size, sub_blocks, bitmap_blocks, max_mapnr;
	unsigned level, split, start, end, notes, notes_size; /* in the sub header */
	unsigned start_64, end_64, max_mapnr_64;
	unsigned word; /* size of start, end and notes_size */
};

static const struct places places_64 = {424, 428, 432, 436, 440, 8,  12, 16,
					24,  48,  56,  80,  88,	 96, 8};
static const struct places places_32 = {412, 416, 420, 424, 428, 4,  8, 12,
					16,  32,  40,  56,  64,	 72, 4};

static km_error *damaged(const char *how)
{
	return km_errorf(KM_EDATA, "damaged kdump-compressed dump: %s", how);
}

static uint32_t u32(const unsigned char *buf, unsigned at)
{
	uint32_t value;

	memcpy(&value, buf + at, sizeof(value));
	return value;
}

static uint64_t u64(const unsigned char *buf, unsigned at)
{
	uint64_t value;

	memcpy(&value, buf + at, sizeof(value));
	return value;
}

static uint64_t word(const struct places *p, const unsigned char *buf, unsigned at)
{
	return p->word == 8 ? u64(buf, at) : u32(buf, at);
}

bool km_kdump_header_is(struct km_file *file)
{
	char signature[8];

	return km_file_read(file, 0, signature, sizeof(signature)) &&
	       !memcmp(signature, "KDUMP   ", 8);
}

/* QEMU calls every machine "Unknown"; the page tables decide later. */
static bool is_x86(const unsigned char *header)
{
	const char *name = (const char *)header + MACHINE;

	return !*name || !strncmp(name, "Unknown", 65) || !strncmp(name, "x86_64", 65) ||
	       (name[0] == 'i' && !strncmp(name + 2, "86", 63));
}

static bool is_page_size(uint32_t n)
{
	return n >= BLOCK && n <= 64 * BLOCK && !(n & (n - 1));
}

/*
 * Is the header valid in more than one form? Such headers are damaged: reject them, rather than
 * read another dump than libkdumpfile, which takes a header as 32-bit, in either byte order, if it
 * could be one, and a 32-bit sub header as padded if its VMCOREINFO lies elsewhere.
 */
static bool in_two_ways(const struct places *p, const unsigned char *header,
			const unsigned char *sub)
{
	uint32_t size = u32(header, places_32.block_size);
	uint64_t vmcoreinfo = u64(sub, 20), len = u32(sub, 28);

	if (p != &places_32)
		return is_page_size(size) || is_page_size(__builtin_bswap32(size));
	return (vmcoreinfo || len) &&
	       (vmcoreinfo <= BLOCK || vmcoreinfo > UINT32_MAX ||
		vmcoreinfo + len > (1 + (uint64_t)u32(header, p->sub_blocks)) * BLOCK);
}

/* Locate bitmap and descriptors. If there are two bitmaps, the first one describes all memory. */
static km_error *place_pages(const struct places *p, const unsigned char *header, uint64_t file,
			     uint64_t max_pfn, struct km_kdump_header *out)
{
	uint64_t sub = u32(header, p->sub_blocks), blocks = u32(header, p->bitmap_blocks);

	out->bitmap = (1 + sub) * BLOCK;
	out->descs = out->bitmap + blocks * BLOCK;
	if (!sub || out->descs > file)
		return damaged("the bitmap of its pages is outside the file");
	if (max_pfn > MAX_PFN)
		return km_errorf(KM_EDATA,
				 "damaged kdump-compressed dump: 0x%" PRIx64 " pages of memory",
				 max_pfn);
	if (max_pfn > blocks * BLOCK * 8 || u32(header, p->max_mapnr) > blocks * BLOCK * 8)
		return damaged("the bitmap of its pages is too small for them");
	/* All of it is read. It needs two bits a page; allow twice that. */
	if (blocks > max_pfn * 4 / (BLOCK * 8) + 4)
		return damaged("the bitmap of its pages is too large for them");
	if (max_pfn <= blocks / 2 * BLOCK * 8)
		out->bitmap += blocks / 2 * BLOCK;
	return NULL;
}

/* makedumpfile --split writes files that each describe a part of memory. */
static km_error *place_split(const struct places *p, const unsigned char *sub, bool wide,
			     uint64_t max_pfn, struct km_kdump_header *out)
{
	out->start_pfn = 0;
	out->end_pfn = max_pfn;
	if (!u32(sub, p->split))
		return NULL;
	out->start_pfn = wide ? u64(sub, p->start_64) : word(p, sub, p->start);
	out->end_pfn = wide ? u64(sub, p->end_64) : word(p, sub, p->end);
	if (out->start_pfn > out->end_pfn || out->end_pfn > max_pfn)
		return damaged("it describes pages beyond the end of memory");
	return NULL;
}

static km_error *place_notes(const struct places *p, const unsigned char *sub, uint64_t file,
			     struct km_kdump_header *out)
{
	out->notes = u64(sub, p->notes);
	out->notes_size = word(p, sub, p->notes_size);
	if (out->notes_size > MAX_NOTES || out->notes > file || out->notes_size > file - out->notes)
		return damaged("notes outside the file");
	return NULL;
}

km_error *km_kdump_header_read(struct km_file *file, struct km_kdump_header *out)
{
	unsigned char header[HEADER_SIZE], sub[SUB_SIZE];
	const struct places *p = &places_64;
	uint64_t max_pfn;
	km_error *err;
	bool wide;

	*out = (struct km_kdump_header){0};
	if (!km_file_read(file, 0, header, sizeof(header)) ||
	    !km_file_read(file, BLOCK, sub, sizeof(sub)))
		return damaged("it is truncated");
	if (u32(header, p->block_size) != BLOCK)
		p = &places_32;
	if (u32(header, p->block_size) != BLOCK || !is_x86(header))
		return km_errorf(KM_EDATA, "damaged, or a dump of a different architecture: it "
					   "does not have x86's page size");
	if (in_two_ways(p, header, sub))
		return damaged("its header can be interpreted in two ways");
	if (u32(header, 8) < OLDEST_VERSION || u32(header, 8) > INT32_MAX)
		return km_errorf(KM_EDATA,
				 "a kdump-compressed dump of version %d, which has no notes",
				 (int)u32(header, 8));
	out->loss.incomplete = u32(header, p->status) & INCOMPLETE;
	out->loss.level = u32(sub, p->level);
	wide = u32(header, 8) >= WIDE_SINCE;
	max_pfn = wide ? u64(sub, p->max_mapnr_64) : u32(header, p->max_mapnr);
	err = place_pages(p, header, file->size, max_pfn, out);
	if (!err)
		err = place_split(p, sub, wide, max_pfn, out);
	return err ? err : place_notes(p, sub, file->size, out);
}
