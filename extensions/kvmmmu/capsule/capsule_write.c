// SPDX-License-Identifier: GPL-2.0-or-later
#include "capsule/capsule_write.h"

#include "threads/saved_stacks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define PACK_STEP  (1u << 20) /* bytes between two checks for Ctrl-C */
#define FIRST_ROOM (1u << 16)
#define GZIP	   16 /* added to the window bits: write a gzip header */
#define LEVEL	   6  /* higher levels save nothing, and take ten times as long */

/* Adjacent items that form one segment. */
struct range {
	uint64_t addr, len;
	bool phys, missing;
};

struct ranges {
	struct range *list;
	size_t count;
};

/*
 * The capsule that is being made. It is compressed as its parts come: of a large host, these are
 * many times as much.
 */
struct packer {
	struct km_memory *mem;
	z_stream z;
	uint8_t *bytes; /* compressed */
	size_t room;
	size_t len;    /* of what was added */
	km_error *err; /* the first one: nothing is added after it */
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

/* Let deflate() write at least one byte. */
static km_error *make_room(struct packer *p)
{
	size_t room = p->room ? 2 * p->room : FIRST_ROOM;
	uint8_t *grown;

	if (p->z.avail_out)
		return NULL;
	grown = realloc(p->bytes, room);
	if (!grown)
		return out_of_memory();
	p->bytes = grown;
	p->room = room;
	p->z.next_out = p->bytes + p->z.total_out;
	p->z.avail_out = (uInt)(room - p->z.total_out); /* not much larger than KM_CAPSULE_MAX */
	return NULL;
}

static void deflate_all(struct packer *p, int flush)
{
	int done = Z_OK;

	while (!p->err && done == Z_OK && (p->z.avail_in || flush == Z_FINISH)) {
		p->err = make_room(p);
		if (!p->err)
			done = deflate(&p->z, flush);
	}
	if (!p->err && done != Z_OK && done != Z_STREAM_END)
		p->err = out_of_memory();
}

static void append(struct packer *p, const void *bytes, size_t len)
{
	for (size_t at = 0; at < len && !p->err; at += PACK_STEP) {
		p->z.next_in = (uint8_t *)bytes + at;
		p->z.avail_in = (uInt)(len - at < PACK_STEP ? len - at : PACK_STEP);
		p->err = km_check_interrupt(p->mem);
		deflate_all(p, Z_NO_FLUSH);
	}
	p->len += len;
}

static size_t padded(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

static void append_padding(struct packer *p, size_t len)
{
	append(p, "\0\0", padded(len) - len);
}

static size_t note_size(size_t len)
{
	return sizeof(Elf64_Nhdr) + padded(sizeof(KM_CAPSULE_OWNER)) + padded(len);
}

/* @len bytes follow, and append_padding() of them. */
static void begin_note(struct packer *p, uint32_t type, size_t len)
{
	Elf64_Nhdr header = {sizeof(KM_CAPSULE_OWNER), (uint32_t)len, type};

	append(p, &header, sizeof(header));
	append(p, KM_CAPSULE_OWNER, sizeof(KM_CAPSULE_OWNER));
	append_padding(p, sizeof(KM_CAPSULE_OWNER));
}

static void append_note(struct packer *p, uint32_t type, const void *bytes, size_t len)
{
	begin_note(p, type, len);
	append(p, bytes, len);
	append_padding(p, len);
}

static ssize_t count_bytes(void *sum, const char *bytes, size_t len)
{
	(void)bytes;
	*(size_t *)sum += len;
	return (ssize_t)len;
}

static ssize_t pack_bytes(void *packer, const char *bytes, size_t len)
{
	struct packer *p = packer;

	append(p, bytes, len);
	return p->err ? 0 : (ssize_t)len;
}

/* Print @saved, with @write(@arg). Return false if that fails, or memory is exhausted. */
static bool print_stacks(const struct km_saved_stacks *saved, cookie_write_function_t *write,
			 void *arg)
{
	FILE *out = fopencookie(arg, "w", (cookie_io_functions_t){.write = write});
	bool ok = out && km_saved_stacks_write(saved, out);

	if (out)
		ok &= !fclose(out);
	return ok;
}

/* They were printed before, to know their @len. */
static void append_stacks(struct packer *p, const struct km_saved_stacks *saved, size_t len)
{
	begin_note(p, KM_NOTE_STACKS, len);
	if (!print_stacks(saved, pack_bytes, p) && !p->err)
		p->err = out_of_memory();
	append_padding(p, len);
}

static void append_program_headers(struct packer *p, const struct ranges *ranges,
				   const struct km_rebase *rebase, uint64_t notes,
				   uint64_t notes_len)
{
	Elf64_Phdr phdr = {
		.p_type = PT_NOTE, .p_offset = notes, .p_filesz = notes_len, .p_align = 4};
	uint64_t offset = notes + notes_len;

	append(p, &phdr, sizeof(phdr));
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
		append(p, &phdr, sizeof(phdr));
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

/* Add the bytes of @range, the items of which begin at *@next. */
static void append_range(struct packer *p, const struct km_recorder *rec,
			 const struct km_rebase *rebase, const struct range *range, size_t *next)
{
	uint8_t *bytes = malloc(range->len);

	if (!bytes)
		p->err = out_of_memory();
	else
		p->err = range->phys ? km_read_phys(p->mem, range->addr, bytes, range->len)
				     : km_read_virt(p->mem, range->addr, bytes, range->len);
	if (!p->err && rebase)
		p->err = rebase_range(rebase, rec, range, bytes, next);
	if (!p->err)
		append(p, bytes, range->len);
	free(bytes);
}

static void append_ranges(struct packer *p, const struct km_recorder *rec,
			  const struct km_rebase *rebase, const struct ranges *ranges)
{
	size_t next = 0;

	for (size_t i = 0; i < ranges->count && !p->err; i++) {
		if (!ranges->list[i].missing)
			append_range(p, rec, rebase, &ranges->list[i], &next);
	}
}

static km_error *check_size(size_t size, const struct ranges *ranges)
{
	for (size_t i = 0; i < ranges->count; i++)
		size += ranges->list[i].missing ? 0 : ranges->list[i].len;
	return size <= KM_CAPSULE_MAX
		       ? NULL
		       : km_errorf(KM_EUSAGE,
				   "the capsule would be larger than %llu MiB: capture fewer VMs, "
				   "or fewer page-table pages with --limit",
				   KM_CAPSULE_MAX >> 20);
}

/* rec->saved is freed as soon as it is in the capsule. */
static void build(struct packer *p, struct km_recorder *rec, const struct ranges *ranges,
		  const struct km_manifest *manifest, const struct km_rebase *rebase,
		  const char *json)
{
	static const uint32_t format = KM_CAPSULE_FORMAT;
	size_t headers = ranges->count + 1, notes, notes_len, stacks = 0;
	Elf64_Ehdr ehdr = km_capsule_header(headers);
	Elf64_Shdr shdr = km_capsule_section_header(headers);

	if (!print_stacks(rec->saved, count_bytes, &stacks))
		p->err = out_of_memory();
	notes = sizeof(Elf64_Ehdr) + headers * sizeof(Elf64_Phdr);
	notes += ehdr.e_shnum * sizeof(shdr);
	notes_len = note_size(sizeof(format)) + note_size(strlen(json)) +
		    note_size(manifest->kernel.btf_len) + note_size(stacks);
	if (!p->err)
		p->err = check_size(notes + notes_len, ranges);
	append(p, &ehdr, sizeof(ehdr));
	append_program_headers(p, ranges, rebase, notes, notes_len);
	append(p, &shdr, ehdr.e_shnum * sizeof(shdr));
	append_note(p, KM_NOTE_FORMAT, &format, sizeof(format));
	append_note(p, KM_NOTE_MANIFEST, json, strlen(json));
	append_note(p, KM_NOTE_TYPES, manifest->kernel.btf, manifest->kernel.btf_len);
	append_stacks(p, rec->saved, stacks);
	km_saved_stacks_free(rec->saved);
	rec->saved = NULL;
	append_ranges(p, rec, rebase, ranges);
	deflate_all(p, Z_FINISH);
}

km_error *km_capsule_write(const struct km_output *to, struct km_memory *mem,
			   struct km_recorder *rec, const struct km_manifest *manifest,
			   const struct km_rebase *rebase, struct km_capsule_size *size)
{
	char *json = km_manifest_print(manifest);
	struct packer p = {.mem = mem};
	struct ranges ranges = {0};
	km_error *err = json ? coalesce(rec, &ranges) : out_of_memory();

	if (!err && deflateInit2(&p.z, LEVEL, Z_DEFLATED, MAX_WBITS + GZIP, MAX_MEM_LEVEL,
				 Z_DEFAULT_STRATEGY) != Z_OK)
		err = out_of_memory();
	if (!err) {
		build(&p, rec, &ranges, manifest, rebase, json);
		err = p.err;
		size->packed = p.z.total_out;
		deflateEnd(&p.z);
	}
	size->unpacked = p.len;
	size->ranges = ranges.count;
	free(ranges.list);
	free(json);
	if (!err && size->packed < p.len / KM_CAPSULE_MAX_RATIO)
		err = km_errorf(
			KM_EDATA,
			"the capsule would be compressed more than the limit for reading it");
	if (!err)
		err = km_check_interrupt(mem);
	if (!err && km_memory_exhausted())
		err = out_of_memory();
	if (!err)
		err = km_output_write(to, km_memory_target(mem), p.bytes, size->packed);
	free(p.bytes);
	return err;
}
