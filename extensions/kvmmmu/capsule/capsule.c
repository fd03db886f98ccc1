// SPDX-License-Identifier: GPL-2.0-or-later
#include "capsule/capsule.h"

#include "base/file_read.h"
#include "threads/saved_stacks.h"
#include "types/unpack.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define MAX_PROBE    4096 /* an unpacked capsule contains its owner's name in these bytes */
#define MAX_MANIFEST (256u << 10)
#define MAX_TYPES    (4u << 20)
#define TYPES_COST   8		 /* bytes that libbpf and our indexes need for a byte of types */
#define MIN_LEFT     (16u << 20) /* what an answer needs */

struct km_capsule {
	struct km_target target;
	char *path;
	uint8_t *image; /* mapped */
	size_t size;
	bool odd_header; /* its gzip header is not the one that is written here: it may contain more
			  */
	struct km_manifest manifest;
	const uint8_t *notes[KM_NOTES + 1];
	size_t note_lens[KM_NOTES + 1];
	uint32_t format;
	struct km_saved_stacks *saved;
	struct km_capsule_range *ranges;
	size_t count;
	uint64_t left; /* bytes of KM_CAPSULE_MEMORY that are not used yet */
};

static struct km_capsule *capsule_of(struct km_target *target)
{
	return (struct km_capsule *)target;
}

static km_error *damaged(const char *how)
{
	return km_errorf(KM_EDATA, "damaged capsule: %s", how);
}

/* ---- the target ---- */

/* Return the range that contains @addr, or NULL. */
static const struct km_capsule_range *find(const struct km_capsule *c, bool phys, uint64_t addr)
{
	size_t low = 0, high = c->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct km_capsule_range *r = &c->ranges[mid];

		if (r->phys != phys ? r->phys : r->addr > addr)
			high = mid;
		else if (r->phys == phys && addr - r->addr < r->len)
			return r;
		else
			low = mid + 1;
	}
	return NULL;
}

static km_error *read_range(struct km_target *target, bool phys, uint64_t addr, void *buf,
			    size_t len)
{
	uint8_t *out = buf;

	while (len) {
		const struct km_capsule_range *r = find(capsule_of(target), phys, addr);
		size_t chunk;

		if (!r)
			return km_errorf(KM_EABSENT,
					 "%s address 0x%" PRIx64 " is not in the capsule",
					 phys ? "physical" : "virtual", addr);
		if (!r->bytes)
			return km_errorf(KM_EREAD, "%s address 0x%" PRIx64 " was not in the dump",
					 phys ? "physical" : "virtual", addr);
		chunk = r->len - (addr - r->addr) < len ? r->len - (addr - r->addr) : len;
		memcpy(out, r->bytes + (addr - r->addr), chunk);
		out += chunk;
		addr += chunk;
		len -= chunk;
	}
	return NULL;
}

static km_error *read_phys(struct km_target *target, uint64_t pa, void *buf, size_t len)
{
	return read_range(target, true, pa, buf, len);
}

static km_error *read_virt(struct km_target *target, uint64_t va, void *buf, size_t len)
{
	return read_range(target, false, va, buf, len);
}

static bool symbol(struct km_target *target, const char *name, uint64_t *addr)
{
	const struct km_manifest *m = &capsule_of(target)->manifest;

	for (size_t i = 0; i < m->symbol_count; i++) {
		if (!strcmp(m->symbols[i].name, name)) {
			*addr = m->symbols[i].addr;
			return true;
		}
	}
	return false;
}

static const struct km_target_ops capsule_ops = {
	.read_phys = read_phys,
	.read_virt = read_virt,
	.symbol = symbol,
	.progress = km_progress_on_terminal,
};

/* ---- the file ---- */

static km_error *map(struct km_capsule *c, size_t size)
{
	void *image = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (image == MAP_FAILED)
		return km_errorf(KM_ENOMEM, "out of memory");
	c->image = image;
	c->size = size;
	return NULL;
}

static bool begins(const uint8_t *file, size_t size, const char *with, size_t len)
{
	return size >= len && !memcmp(file, with, len);
}

/* Does an uncompressed file start like a capsule: with PT_NOTE, then an unusual PT_LOAD if any? */
static bool is_plain_capsule(const uint8_t *bytes, size_t size)
{
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdr[2];

	if (size < sizeof(ehdr) + sizeof(phdr) || !begins(bytes, size, ELFMAG, SELFMAG))
		return false;
	memcpy(&ehdr, bytes, sizeof(ehdr));
	memcpy(phdr, bytes + sizeof(ehdr), sizeof(phdr));
	if (phdr[0].p_type != PT_NOTE || ehdr.e_phnum == 1)
		return phdr[0].p_type == PT_NOTE;
	return phdr[1].p_type == PT_LOAD && !phdr[1].p_align &&
	       (phdr[1].p_vaddr == KM_NO_ADDRESS) != (phdr[1].p_paddr == KM_NO_ADDRESS);
}

/* Allocate the @room bytes that a compressed file of @size bytes claims to unpack to. */
static km_error *map_claimed(struct km_capsule *c, unsigned long long room, size_t size)
{
	if (room > KM_CAPSULE_MAX || room / KM_CAPSULE_MAX_RATIO > size)
		return km_errorf(
			KM_EDATA,
			"damaged capsule: truncated, or it unpacks to more than the limit of "
			"%llu MiB and %d times its size",
			KM_CAPSULE_MAX >> 20, KM_CAPSULE_MAX_RATIO);
	return map(c, room);
}

/*
 * Unpack to z->next_out, which has room for everything. Return Z_OK, without unpacking the rest, if
 * the file does not start like a capsule.
 */
static int inflate_capsule(z_stream *z)
{
	const uint8_t *image = z->next_out;
	uInt room = z->avail_out, head = room < MAX_PROBE ? room : MAX_PROBE;
	int done;

	z->avail_out = head;
	done = inflate(z, Z_SYNC_FLUSH);
	if ((done == Z_OK || done == Z_STREAM_END) && !z->avail_out &&
	    !is_plain_capsule(image, head))
		return Z_OK;
	z->avail_out += room - head;
	return done == Z_OK ? inflate(z, Z_FINISH) : done;
}

/* @program: NULL: it is not compressed. */
static km_error *too_large(const char *program)
{
	if (program)
		return km_error_context(km_packed_dump(program),
					"larger than the limit of %llu MiB", KM_CAPSULE_MAX >> 20);
	return km_errorf(KM_EDATA, "larger than the limit of %llu MiB for a capsule",
			 KM_CAPSULE_MAX >> 20);
}

/* Unpack a single member, whose last four bytes are its size, with nothing after it. */
static km_error *unpack_gzip(struct km_capsule *c, const uint8_t *file, size_t size)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)file, .avail_in = (uInt)size};
	uint32_t room = 0;
	km_error *err = NULL;
	int done;

	c->odd_header = !begins(file, size, KM_CAPSULE_GZIP, sizeof(KM_CAPSULE_GZIP) - 1);
	if (size > sizeof(room))
		memcpy(&room, file + size - sizeof(room), sizeof(room));
	if (!room)
		return damaged("the file is truncated");
	err = map_claimed(c, room, size);
	if (err)
		return err;
	if (inflateInit2(&z, MAX_WBITS + 16) != Z_OK)
		return km_errorf(KM_ENOMEM, "out of memory");
	z.next_out = c->image;
	z.avail_out = room;
	done = inflate_capsule(&z);
	if (done == Z_OK)
		err = km_packed_dump("gzip");
	else if (done != Z_STREAM_END)
		err = damaged(z.msg ? z.msg : "the file is truncated");
	else if (z.avail_in || z.avail_out)
		err = damaged("there is data after the end");
	inflateEnd(&z);
	return err;
}

/* Unpack a single frame that contains its size, with nothing after it. */
static km_error *unpack_zstd(struct km_capsule *c, const uint8_t *file, size_t size)
{
	unsigned long long room = ZSTD_getFrameContentSize(file, size);
	size_t got;
	km_error *err;

	/* zstd does not know the size of what comes from a pipe: makedumpfile ... | zstd >FILE */
	if (room == ZSTD_CONTENTSIZE_UNKNOWN)
		return km_packed_dump("zstd");
	if (room == ZSTD_CONTENTSIZE_ERROR || !room)
		return damaged("the zstd frame does not contain its size");
	if (ZSTD_findFrameCompressedSize(file, size) != size)
		return damaged("the file is truncated, or there is data after the end");
	err = map_claimed(c, room, size);
	if (err)
		return err;
	got = ZSTD_decompress(c->image, room, file, size);
	if (ZSTD_isError(got) || got != room)
		return damaged(ZSTD_isError(got) ? ZSTD_getErrorName(got) : "truncated");
	return NULL;
}

static bool is_gzip(const uint8_t *file, size_t size)
{
	return begins(file, size, KM_CAPSULE_GZIP, 3);
}

static bool is_zstd(const uint8_t *file, size_t size)
{
	return begins(file, size, KM_CAPSULE_ZSTD, sizeof(KM_CAPSULE_ZSTD) - 1);
}

static km_error *open_file(const char *path, struct km_file *file)
{
	return km_error_context(km_file_open(path, file), "%s", path);
}

/* Read @len bytes from the start of the file, all or nothing. */
static km_error *read_all(struct km_file *file, uint8_t *bytes, size_t len)
{
	if (km_file_read(file, 0, bytes, len))
		return NULL;
	return km_errorf(KM_EREAD, "%s", km_file_trouble(file));
}

/* Read a compressed file and unpack it to c->image. */
static km_error *read_compressed(struct km_capsule *c, struct km_file *from, bool gzip)
{
	size_t size = from->size;
	uint8_t *file = malloc(size);
	km_error *err = file ? read_all(from, file, size) : km_errorf(KM_ENOMEM, "out of memory");

	if (!err)
		err = gzip ? unpack_gzip(c, file, size) : unpack_zstd(c, file, size);
	free(file);
	return err;
}

/* Is it a dump but not a capsule: compressed page by page, flattened, or another ELF file? */
static bool is_dump(const uint8_t *image, size_t size)
{
	static const char *const magics[] = {"KDUMP   ", "makedumpfile", ELFMAG};

	for (size_t i = 0; i < sizeof(magics) / sizeof(*magics); i++) {
		if (begins(image, size, magics[i], strlen(magics[i])))
			return !is_plain_capsule(image, size);
	}
	return false;
}

/* Read the file to c->image, and unpack it if it is compressed. */
static km_error *read_image(struct km_capsule *c, struct km_file *file)
{
	uint64_t size = file->size;
	uint8_t head[sizeof(KM_CAPSULE_GZIP)] = {0};
	const char *program;
	km_error *err;

	if (size < sizeof(head))
		return damaged("the file is truncated");
	err = read_all(file, head, sizeof(head));
	if (err)
		return err;
	program = is_gzip(head, sizeof(head))	? "gzip"
		  : is_zstd(head, sizeof(head)) ? "zstd"
						: NULL;
	if (size > KM_CAPSULE_MAX)
		return too_large(program);
	if (program) {
		err = read_compressed(c, file, is_gzip(head, sizeof(head)));
		if (!err && is_dump(c->image, c->size))
			err = km_packed_dump(program);
		return err;
	}
	err = map(c, size);
	return err ? err : read_all(file, c->image, size);
}

bool km_is_capsule(const char *path, km_error **err)
{
	uint8_t head[MAX_PROBE];
	km_scoped_error *no_file = NULL;
	struct km_file file;
	size_t size;

	*err = NULL;
	no_file = open_file(path, &file);
	if (no_file)
		return false;
	size = file.size < sizeof(head) ? (size_t)file.size : sizeof(head);
	*err = km_error_context(read_all(&file, head, size), "%s", path);
	close(file.fd);
	return !*err &&
	       (is_gzip(head, size) || is_zstd(head, size) || is_plain_capsule(head, size));
}

/* ---- the form ---- */

/* Get the number of program headers, and the offset of the notes, which follow all headers. */
static km_error *parse_header(const struct km_capsule *c, size_t *headers, size_t *notes)
{
	Elf64_Ehdr ehdr, ours;
	Elf64_Shdr shdr, our_shdr;

	if (c->size < sizeof(ehdr))
		return damaged("no ELF header");
	memcpy(&ehdr, c->image, sizeof(ehdr));
	*headers = ehdr.e_phnum;
	if (ehdr.e_phnum == PN_XNUM) {
		if (ehdr.e_shoff > c->size || c->size - ehdr.e_shoff < sizeof(shdr))
			return damaged("section header outside the file");
		memcpy(&shdr, c->image + ehdr.e_shoff, sizeof(shdr));
		*headers = shdr.sh_info;
		our_shdr = km_capsule_section_header(*headers);
		if (memcmp(&shdr, &our_shdr, sizeof(shdr)))
			return damaged("an unexpected section header");
	}
	ours = km_capsule_header(*headers);
	if (!*headers || memcmp(&ehdr, &ours, sizeof(ehdr)))
		return damaged("not the ELF header of a capsule");
	*notes = sizeof(ehdr) + *headers * sizeof(Elf64_Phdr) + ehdr.e_shnum * sizeof(shdr);
	return *notes > c->size ? damaged("program headers outside the file") : NULL;
}

static Elf64_Phdr phdr_at(const struct km_capsule *c, size_t i)
{
	Elf64_Phdr phdr;

	memcpy(&phdr, c->image + sizeof(Elf64_Ehdr) + i * sizeof(phdr), sizeof(phdr));
	return phdr;
}

static size_t padded(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

/* Find the notes: exactly those of a capsule, in their order, with nothing after them. */
static km_error *parse_notes(struct km_capsule *c, size_t at, size_t len)
{
	size_t end = at + len;
	uint32_t last = KM_NOTES;

	for (uint32_t type = KM_NOTE_FORMAT; type <= last; type++) {
		size_t head = sizeof(Elf64_Nhdr) + padded(sizeof(KM_CAPSULE_OWNER));
		Elf64_Nhdr note;

		if (end - at < head)
			return damaged("truncated notes");
		memcpy(&note, c->image + at, sizeof(note));
		if (note.n_type != type || note.n_namesz != sizeof(KM_CAPSULE_OWNER) ||
		    memcmp(c->image + at + sizeof(note), KM_CAPSULE_OWNER,
			   sizeof(KM_CAPSULE_OWNER)))
			return damaged("not the notes of a capsule");
		at += head;
		if (padded((size_t)note.n_descsz) > end - at)
			return damaged("a note beyond the end of the notes");
		c->notes[type] = c->image + at;
		c->note_lens[type] = note.n_descsz;
		at += padded((size_t)note.n_descsz);
		if (type != KM_NOTE_FORMAT)
			continue;
		if (note.n_descsz != sizeof(c->format))
			return damaged("no format");
		memcpy(&c->format, c->notes[type], sizeof(c->format));
		if (!c->format || c->format > KM_CAPSULE_FORMAT)
			return km_errorf(KM_EDATA,
					 "a capsule of format %" PRIu32 "; this version reads "
					 "formats 1 to %d",
					 c->format, KM_CAPSULE_FORMAT);
		last = km_capsule_last_note(c->format);
	}
	return at == end ? NULL : damaged("data after the last note");
}

/* Check a segment. It must follow @last (NULL: it is the first) and start at @offset in the file.
 */
static km_error *parse_segment(const struct km_capsule *c, const Elf64_Phdr *phdr, uint64_t offset,
			       const struct km_capsule_range *last, struct km_capsule_range *range)
{
	*range = (struct km_capsule_range){
		.phys = phdr->p_vaddr == KM_NO_ADDRESS,
		.len = phdr->p_memsz,
	};
	range->addr = range->phys ? phdr->p_paddr : phdr->p_vaddr;
	if (phdr->p_type != PT_LOAD || phdr->p_flags != PF_R || phdr->p_align ||
	    phdr->p_offset != offset || !phdr->p_memsz ||
	    (!range->phys && phdr->p_paddr != KM_NO_ADDRESS) ||
	    range->addr + (range->len - 1) < range->addr)
		return damaged("a segment that is not a range of bytes");
	if (phdr->p_filesz &&
	    (phdr->p_filesz != phdr->p_memsz || phdr->p_filesz > c->size - offset))
		return damaged("a segment outside the file");
	if (last && last->phys == range->phys && range->addr - last->addr < last->len)
		return damaged("overlapping segments");
	if (last && (last->phys != range->phys ? last->phys : last->addr > range->addr))
		return damaged("segments out of order");
	if (phdr->p_filesz)
		range->bytes = c->image + offset;
	return NULL;
}

/* Take @bytes from the memory that the capsule may use. */
static km_error *charge(struct km_capsule *c, uint64_t bytes)
{
	if (bytes > c->left || c->left - bytes < MIN_LEFT)
		return km_errorf(KM_ELIMIT, "needs more than the limit of %llu MiB of memory",
				 KM_CAPSULE_MEMORY >> 20);
	c->left -= bytes;
	return NULL;
}

static km_error *parse_segments(struct km_capsule *c, size_t headers, uint64_t offset)
{
	km_error *err = charge(c, headers * sizeof(*c->ranges));

	if (err)
		return err;
	c->ranges = calloc(headers, sizeof(*c->ranges));
	if (!c->ranges)
		return km_errorf(KM_ENOMEM, "out of memory");
	for (size_t i = 1; i < headers; i++) {
		struct km_capsule_range *last = c->count ? &c->ranges[c->count - 1] : NULL;
		Elf64_Phdr phdr = phdr_at(c, i);

		err = parse_segment(c, &phdr, offset, last, &c->ranges[c->count]);
		if (err)
			return err;
		c->count++;
		offset += phdr.p_filesz;
	}
	return offset == c->size ? NULL : damaged("data after the last segment");
}

/* The texts in the notes: manifest, and stacks if there are any. */
static km_error *parse_texts(struct km_capsule *c)
{
	const char *manifest = (const char *)c->notes[KM_NOTE_MANIFEST];
	const char *stacks = (const char *)c->notes[KM_NOTE_STACKS];
	uint64_t used = 0;
	km_error *err;

	if (c->note_lens[KM_NOTE_MANIFEST] > MAX_MANIFEST)
		return damaged("a manifest that is too long");
	if (c->note_lens[KM_NOTE_TYPES] > MAX_TYPES)
		return damaged("more types than a capsule may contain");
	err = charge(c, (uint64_t)c->note_lens[KM_NOTE_TYPES] * TYPES_COST);
	if (!err)
		err = km_manifest_parse(manifest, c->note_lens[KM_NOTE_MANIFEST], &c->manifest);
	if (!err && c->manifest.format != c->format)
		err = damaged("the manifest is of a different format");
	if (!err && stacks)
		err = km_saved_stacks_parse(stacks, c->note_lens[KM_NOTE_STACKS],
					    c->left - MIN_LEFT, &c->saved, &used);
	return err ? err : charge(c, used);
}

static km_error *parse(struct km_capsule *c)
{
	size_t headers, notes;
	Elf64_Phdr phdr;
	km_error *err;

	c->left = KM_CAPSULE_MEMORY;
	err = charge(c, c->size);
	if (!err)
		err = parse_header(c, &headers, &notes);
	if (err)
		return err;
	phdr = phdr_at(c, 0);
	if (phdr.p_type != PT_NOTE || phdr.p_offset != notes || phdr.p_filesz > c->size - notes ||
	    phdr.p_flags || phdr.p_vaddr || phdr.p_paddr || phdr.p_memsz || phdr.p_align != 4)
		return damaged("no notes");
	err = parse_notes(c, notes, phdr.p_filesz);
	if (!err)
		err = parse_segments(c, headers, notes + phdr.p_filesz);
	if (!err)
		err = parse_texts(c);
	c->manifest.kernel.saved = c->saved;
	c->manifest.kernel.btf = c->notes[KM_NOTE_TYPES];
	c->manifest.kernel.btf_len = c->note_lens[KM_NOTE_TYPES];
	return err;
}

km_error *km_capsule_open(const char *path, struct km_capsule **capsule)
{
	struct km_capsule *c = calloc(1, sizeof(*c));
	struct km_file file;
	km_error *err;

	if (!c || !(c->path = strdup(path))) {
		free(c);
		return km_errorf(KM_ENOMEM, "out of memory");
	}
	err = open_file(path, &file);
	if (!err) {
		err = read_image(c, &file);
		close(file.fd);
		if (!err)
			err = parse(c);
		err = km_error_context(err, "%s", path);
	}
	if (err) {
		km_capsule_close(c);
		return err;
	}
	c->target = (struct km_target){
		.ops = &capsule_ops,
		.host = "kvmmmu",
		.name = c->path,
		.capsule = &c->manifest.kernel,
		.limits = {.memory = c->left / 2,
			   .document = c->left / 2,
			   .cpu_seconds = KM_CAPSULE_CPU_SECONDS},
	};
	*capsule = c;
	return NULL;
}

void km_capsule_close(struct km_capsule *c)
{
	if (!c)
		return;
	km_manifest_deinit(&c->manifest);
	km_saved_stacks_free(c->saved);
	if (c->image)
		munmap(c->image, c->size);
	free(c->ranges);
	free(c->path);
	free(c);
}

static void close_target(void *handle)
{
	km_capsule_close(handle);
}

km_error *km_capsule_open_target(const char *path, struct km_opened *opened)
{
	struct km_capsule *capsule;
	km_error *err = km_capsule_open(path, &capsule);

	if (!err)
		*opened = (struct km_opened){&capsule->target, capsule, close_target};
	return err;
}

struct km_target *km_capsule_target(struct km_capsule *c)
{
	return &c->target;
}

const struct km_manifest *km_capsule_manifest(const struct km_capsule *c)
{
	return &c->manifest;
}

const char *km_capsule_stacks(const struct km_capsule *c, size_t *len)
{
	*len = c->note_lens[KM_NOTE_STACKS];
	return (const char *)c->notes[KM_NOTE_STACKS];
}

const struct km_capsule_range *km_capsule_ranges(const struct km_capsule *c, size_t *count)
{
	*count = c->count;
	return c->ranges;
}

static bool all_zero(const uint8_t *from, const uint8_t *to)
{
	for (; from < to; from++) {
		if (*from)
			return false;
	}
	return true;
}

km_error *km_capsule_check_form(const struct km_capsule *c)
{
	char *json = km_manifest_print(&c->manifest);
	bool same = json && strlen(json) == c->note_lens[KM_NOTE_MANIFEST] &&
		    !memcmp(json, c->notes[KM_NOTE_MANIFEST], strlen(json));

	free(json);
	if (!same)
		return damaged("the manifest contains more than the known values");
	if (c->odd_header)
		return damaged("its gzip header is not that of a capsule");
	for (uint32_t type = KM_NOTE_FORMAT; type <= km_capsule_last_note(c->format); type++) {
		const uint8_t *end = c->notes[type] + c->note_lens[type];

		if (!all_zero(end, c->notes[type] + padded(c->note_lens[type])))
			return damaged("data after the end of a note");
	}
	return NULL;
}
