// SPDX-License-Identifier: GPL-2.0-or-later
#include "capsule/capsule_write.h"

#include "threads/saved_stacks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define PACK_STEP (1u << 20) /* bytes between two checks for Ctrl-C */
#define GZIP	  16	     /* added to the window bits: write a gzip header */
#define LEVEL	  6	     /* higher levels save nothing, and take ten times as long */

/* Adjacent items that form one segment. */
struct range {
	uint64_t addr, len;
	bool phys, missing;
};

struct ranges {
	struct range *list;
	size_t count;
};

/* An ELF file that is being built. */
struct image {
	uint8_t *bytes;
	size_t len, size;
};

static km_error *out_of_memory(void)
{
	return km_errorf(KM_ENOMEM, "out of memory");
}

static struct range range_of(const struct km_item *item)
{
	return (struct range){item->addr, item->len ? item->len : KM_PAGE_SIZE, item->phys,
			      !item->len};
}

/* Merge @range, which does not start before @into, into it if they touch and are of one kind. */
static bool join(struct range *into, const struct range *range)
{
	uint64_t gap = range->addr - into->addr;

	if (into->phys != range->phys || into->missing != range->missing || gap > into->len)
		return false;
	if (gap + range->len > into->len)
		into->len = gap + range->len;
	return true;
}

/* Merge the sorted items into ranges. A page of which some bytes were read is not missing. */
static km_error *coalesce(const struct km_recorder *rec, struct ranges *ranges)
{
	struct range *fitting;

	ranges->list = calloc(rec->count + 1, sizeof(*ranges->list));
	ranges->count = 0;
	if (!ranges->list)
		return out_of_memory();
	for (size_t i = 0; i < rec->count; i++) {
		struct range range = range_of(&rec->items[i]);
		struct range *last = ranges->count ? &ranges->list[ranges->count - 1] : NULL;

		if (last && last->phys == range.phys && last->missing != range.missing &&
		    range.addr - last->addr < last->len) {
			if (last->missing)
				*last = range;
			continue;
		}
		if (!last || !join(last, &range))
			ranges->list[ranges->count++] = range;
	}
	fitting = reallocarray(ranges->list, ranges->count + 1, sizeof(*ranges->list));
	ranges->list = fitting ? fitting : ranges->list;
	return NULL;
}

static void append(struct image *image, const void *bytes, size_t len)
{
	if (len)
		memcpy(image->bytes + image->len, bytes, len);
	image->len += len;
}

static size_t padded(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

static size_t note_size(size_t len)
{
	return sizeof(Elf64_Nhdr) + padded(sizeof(KM_CAPSULE_OWNER)) + padded(len);
}

static void append_note(struct image *image, uint32_t type, const void *bytes, size_t len)
{
	Elf64_Nhdr header = {sizeof(KM_CAPSULE_OWNER), (uint32_t)len, type};
	size_t end = image->len + note_size(len);

	append(image, &header, sizeof(header));
	append(image, KM_CAPSULE_OWNER, sizeof(KM_CAPSULE_OWNER));
	image->len = end - padded(len);
	append(image, bytes, len);
	image->len = end;
}

static void append_program_headers(struct image *image, const struct ranges *ranges,
				   const struct km_rebase *rebase, uint64_t notes,
				   uint64_t notes_len)
{
	Elf64_Phdr phdr = {
		.p_type = PT_NOTE, .p_offset = notes, .p_filesz = notes_len, .p_align = 4};
	uint64_t offset = notes + notes_len;

	append(image, &phdr, sizeof(phdr));
	for (size_t i = 0; i < ranges->count; i++) {
		const struct range *range = &ranges->list[i];

		phdr = (Elf64_Phdr){
			.p_type = PT_LOAD,
			.p_flags = PF_R,
			.p_offset = offset,
			.p_vaddr = range->phys ? KM_NO_ADDRESS : km_rebased(rebase, range->addr),
			.p_paddr = range->phys ? range->addr : KM_NO_ADDRESS,
			.p_filesz = range->missing ? 0 : range->len,
			.p_memsz = range->len,
		};
		append(image, &phdr, sizeof(phdr));
		offset += phdr.p_filesz;
	}
}

/* Move the pointers of the range's items, of which *@next or a later one is the first. */
static km_error *rebase_range(const struct km_rebase *rebase, const struct km_recorder *rec,
			      const struct range *range, uint8_t *bytes, size_t *next)
{
	uint8_t *before = malloc(range->len); /* items may overlap */

	if (!before)
		return out_of_memory();
	memcpy(before, bytes, range->len);
	for (; *next < rec->count; ++*next) {
		const struct km_item *item = &rec->items[*next];
		size_t at = item->addr - range->addr;

		if (item->phys != range->phys ? item->phys : item->addr >= range->addr + range->len)
			break;
		if (item->phys == range->phys && item->addr >= range->addr)
			km_rebase_item(rebase, item, before + at, bytes + at);
	}
	free(before);
	return NULL;
}

static km_error *append_bytes(struct image *image, struct km_memory *mem,
			      const struct km_recorder *rec, const struct km_rebase *rebase,
			      const struct ranges *ranges)
{
	size_t next = 0;

	for (size_t i = 0; i < ranges->count; i++) {
		const struct range *range = &ranges->list[i];
		uint8_t *to = image->bytes + image->len;
		km_error *err = km_check_interrupt(mem);

		if (!err && range->missing)
			continue;
		if (!err)
			err = range->phys ? km_read_phys(mem, range->addr, to, range->len)
					  : km_read_virt(mem, range->addr, to, range->len);
		if (!err && rebase)
			err = rebase_range(rebase, rec, range, to, &next);
		if (err)
			return err;
		image->len += range->len;
	}
	return NULL;
}

static km_error *build(struct km_memory *mem, const struct km_recorder *rec,
		       const struct ranges *ranges, const struct km_manifest *manifest,
		       const struct km_rebase *rebase, const char *json, const char *stacks,
		       struct image *image)
{
	static const uint32_t format = KM_CAPSULE_FORMAT;
	size_t headers = ranges->count + 1, notes, notes_len;
	Elf64_Ehdr ehdr = km_capsule_header(headers);
	Elf64_Shdr shdr = km_capsule_section_header(headers);

	notes = sizeof(Elf64_Ehdr) + headers * sizeof(Elf64_Phdr);
	notes += ehdr.e_shnum * sizeof(shdr);
	notes_len = note_size(sizeof(format)) + note_size(strlen(json)) +
		    note_size(manifest->kernel.btf_len) + note_size(strlen(stacks));
	image->size = notes + notes_len;
	for (size_t i = 0; i < ranges->count; i++)
		image->size += ranges->list[i].missing ? 0 : ranges->list[i].len;
	if (image->size > KM_CAPSULE_MAX)
		return km_errorf(KM_EUSAGE,
				 "the capsule would be larger than %llu MiB: capture fewer VMs, or "
				 "fewer page-table pages with --limit",
				 KM_CAPSULE_MAX >> 20);
	image->bytes = calloc(1, image->size);
	if (!image->bytes)
		return out_of_memory();
	append(image, &ehdr, sizeof(ehdr));
	append_program_headers(image, ranges, rebase, notes, notes_len);
	append(image, &shdr, ehdr.e_shnum * sizeof(shdr));
	append_note(image, KM_NOTE_FORMAT, &format, sizeof(format));
	append_note(image, KM_NOTE_MANIFEST, json, strlen(json));
	append_note(image, KM_NOTE_TYPES, manifest->kernel.btf, manifest->kernel.btf_len);
	append_note(image, KM_NOTE_STACKS, stacks, strlen(stacks));
	return append_bytes(image, mem, rec, rebase, ranges);
}

/* Compress the image; the caller frees *packed. */
static km_error *pack(struct km_memory *mem, const struct image *image, void **packed, size_t *len)
{
	z_stream z = {.next_in = image->bytes};
	uLong room;
	int done = Z_OK;
	km_error *err = NULL;

	if (deflateInit2(&z, LEVEL, Z_DEFLATED, MAX_WBITS + GZIP, MAX_MEM_LEVEL,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return out_of_memory();
	room = deflateBound(&z, image->len);
	*packed = malloc(room);
	z.next_out = *packed;
	z.avail_out = (uInt)room; /* not much larger than KM_CAPSULE_MAX */
	while (*packed && done == Z_OK && !err) {
		size_t left = image->len - z.total_in;

		z.avail_in = left < PACK_STEP ? (uInt)left : PACK_STEP;
		done = deflate(&z, left > PACK_STEP ? Z_NO_FLUSH : Z_FINISH);
		err = km_check_interrupt(mem);
	}
	*len = z.total_out;
	deflateEnd(&z);
	return err || done == Z_STREAM_END ? err : out_of_memory();
}

km_error *km_capsule_write(const struct km_output *to, struct km_memory *mem,
			   struct km_recorder *rec, const struct km_manifest *manifest,
			   const struct km_rebase *rebase, struct km_capsule_size *size)
{
	char *json = km_manifest_print(manifest), *stacks = km_saved_stacks_print(rec->saved);
	struct image image = {0};
	struct ranges ranges = {0};
	void *packed = NULL;
	km_error *err = json && stacks ? coalesce(rec, &ranges) : out_of_memory();

	km_saved_stacks_free(rec->saved);
	rec->saved = NULL;
	if (!err)
		err = build(mem, rec, &ranges, manifest, rebase, json, stacks, &image);
	/* the image has all of it */
	free(ranges.list);
	free(stacks);
	if (!err)
		err = pack(mem, &image, &packed, &size->packed);
	if (!err && size->packed < image.len / KM_CAPSULE_MAX_RATIO)
		err = km_errorf(
			KM_EDATA,
			"the capsule would be compressed more than the limit for reading it");
	if (!err)
		err = km_check_interrupt(mem);
	if (!err && km_memory_exhausted())
		err = out_of_memory();
	if (!err)
		err = km_output_write(to, km_memory_target(mem), packed, size->packed);
	size->unpacked = image.len;
	size->ranges = ranges.count;
	free(packed);
	free(image.bytes);
	free(json);
	return err;
}
