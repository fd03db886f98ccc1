// SPDX-License-Identifier: GPL-2.0-or-later
#include "capsule.h"

#include "saved_stacks.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define MAX_PROBE    4096 /* in these bytes an unpacked capsule names itself */
#define MAX_MANIFEST (1u << 20)
#define MAX_SAVED    (64u << 20) /* of stacks */

struct km_capsule {
	struct km_target target;
	char *path;
	uint8_t *image; /* mapped */
	size_t size;
	bool odd_header; /* gzip's is not the one that we write: it may have more in it */
	struct km_manifest manifest;
	const uint8_t *notes[KM_NOTES + 1];
	size_t note_lens[KM_NOTES + 1];
	uint32_t format;
	struct km_saved_stacks *saved;
	struct km_capsule_range *ranges;
	size_t count;
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

/* The range that holds @addr, or NULL. */
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

/* Room for what @file says that it unpacks to. */
static km_error *map_claimed(struct km_capsule *c, unsigned long long room, size_t size)
{
	if (room > KM_CAPSULE_MAX || room / KM_CAPSULE_MAX_RATIO > size)
		return damaged("cut short, or it would unpack to more than any capsule does");
	return map(c, room);
}

/* One member with nothing behind it; its last four bytes tell the size. */
static km_error *unpack_gzip(struct km_capsule *c, const uint8_t *file, size_t size)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)file, .avail_in = (uInt)size};
	uint32_t room = 0;
	km_error *err = NULL;
	int done;

	if (size > KM_CAPSULE_MAX)
		return damaged("too large");
	c->odd_header = !begins(file, size, KM_CAPSULE_GZIP, sizeof(KM_CAPSULE_GZIP) - 1);
	if (size > sizeof(room))
		memcpy(&room, file + size - sizeof(room), sizeof(room));
	if (!room)
		return damaged("the file is cut short");
	err = map_claimed(c, room, size);
	if (err)
		return err;
	if (inflateInit2(&z, MAX_WBITS + 16) != Z_OK)
		return km_errorf(KM_ENOMEM, "out of memory");
	z.next_out = c->image;
	z.avail_out = room;
	done = inflate(&z, Z_FINISH);
	if (done != Z_STREAM_END)
		err = damaged(z.msg ? z.msg : "the file is cut short");
	else if (z.avail_in || z.avail_out)
		err = damaged("there is something behind the end");
	inflateEnd(&z);
	return err;
}

/* One frame that says its size and has nothing behind it. */
static km_error *unpack_zstd(struct km_capsule *c, const uint8_t *file, size_t size)
{
	unsigned long long room = ZSTD_getFrameContentSize(file, size);
	size_t got;
	km_error *err;

	if (room == ZSTD_CONTENTSIZE_ERROR || room == ZSTD_CONTENTSIZE_UNKNOWN || !room)
		return damaged("the zstd frame does not tell its size");
	if (ZSTD_findFrameCompressedSize(file, size) != size)
		return damaged("the file is cut short, or there is something behind the end");
	err = map_claimed(c, room, size);
	if (err)
		return err;
	got = ZSTD_decompress(c->image, room, file, size);
	if (ZSTD_isError(got) || got != room)
		return damaged(ZSTD_isError(got) ? ZSTD_getErrorName(got) : "cut short");
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

static km_error *unpack(struct km_capsule *c, const uint8_t *file, size_t size)
{
	km_error *err;

	if (is_gzip(file, size))
		return unpack_gzip(c, file, size);
	if (is_zstd(file, size))
		return unpack_zstd(c, file, size);
	err = size && size <= KM_CAPSULE_MAX ? map(c, size) : damaged("empty or too large");
	if (!err)
		memcpy(c->image, file, size);
	return err;
}

/* The whole file; no pipes and devices, which may have no end. For free(). */
static km_error *read_file(const char *path, size_t max, uint8_t **bytes, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	size_t done = 0;
	ssize_t got = 0;

	*bytes = NULL;
	if (fd < 0)
		return km_errorf(KM_EREAD, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return km_errorf(KM_EDATA, "%s: not a regular file", path);
	}
	*size = (uint64_t)st.st_size < max ? (size_t)st.st_size : max;
	*bytes = malloc(*size + 1);
	while (*bytes && done < *size && (got = read(fd, *bytes + done, *size - done)) > 0)
		done += (size_t)got;
	close(fd);
	*size = done;
	if (got < 0) {
		free(*bytes);
		return km_errorf(KM_EDATA, "%s: %s", path, strerror(errno));
	}
	return *bytes ? NULL : km_errorf(KM_ENOMEM, "out of memory");
}

bool km_is_capsule(const char *path)
{
	uint8_t *bytes;
	size_t size;
	km_scoped_error *err = read_file(path, MAX_PROBE, &bytes, &size);
	bool found;

	if (err)
		return false;
	/* the first program header is PT_NOTE, and it is followed by PT_LOAD of a peculiar kind */
	found = is_gzip(bytes, size) || is_zstd(bytes, size);
	if (!found && size >= sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr) &&
	    !memcmp(bytes, ELFMAG, SELFMAG)) {
		Elf64_Phdr second;

		memcpy(&second, bytes + sizeof(Elf64_Ehdr) + sizeof(second), sizeof(second));
		found = second.p_type == PT_LOAD && !second.p_align &&
			(second.p_vaddr == KM_NO_ADDRESS) != (second.p_paddr == KM_NO_ADDRESS);
	}
	free(bytes);
	return found;
}

/* ---- the form ---- */

/* Number of program headers, and where the notes begin: right behind all headers. */
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
			return damaged("section header outside");
		memcpy(&shdr, c->image + ehdr.e_shoff, sizeof(shdr));
		*headers = shdr.sh_info;
		our_shdr = km_capsule_section_header(*headers);
		if (memcmp(&shdr, &our_shdr, sizeof(shdr)))
			return damaged("a section header of another form");
	}
	ours = km_capsule_header(*headers);
	if (!*headers || memcmp(&ehdr, &ours, sizeof(ehdr)))
		return damaged("no ELF core of its form");
	*notes = sizeof(ehdr) + *headers * sizeof(Elf64_Phdr) + ehdr.e_shnum * sizeof(shdr);
	return *notes > c->size ? damaged("program headers outside") : NULL;
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

/* Exactly our notes, in their order, nothing behind. */
static km_error *parse_notes(struct km_capsule *c, size_t at, size_t len)
{
	size_t end = at + len;
	uint32_t last = KM_NOTES;

	for (uint32_t type = KM_NOTE_FORMAT; type <= last; type++) {
		size_t head = sizeof(Elf64_Nhdr) + padded(sizeof(KM_CAPSULE_OWNER));
		Elf64_Nhdr note;

		if (end - at < head)
			return damaged("notes cut short");
		memcpy(&note, c->image + at, sizeof(note));
		if (note.n_type != type || note.n_namesz != sizeof(KM_CAPSULE_OWNER) ||
		    memcmp(c->image + at + sizeof(note), KM_CAPSULE_OWNER,
			   sizeof(KM_CAPSULE_OWNER)))
			return damaged("not the notes of a capsule");
		at += head;
		if (padded((size_t)note.n_descsz) > end - at)
			return damaged("a note runs over its end");
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
					 "a capsule of format %" PRIu32 "; this version reads 1 "
					 "to %d",
					 c->format, KM_CAPSULE_FORMAT);
		last = km_capsule_last_note(c->format);
	}
	return at == end ? NULL : damaged("more notes than a capsule has");
}

/* A segment, which has to lie behind @last (NULL: is the first) and begin at @offset of the file.
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
		return damaged("a segment that is no range of bytes");
	if (phdr->p_filesz &&
	    (phdr->p_filesz != phdr->p_memsz || phdr->p_filesz > c->size - offset))
		return damaged("a segment outside of the file");
	if (last && last->phys == range->phys && range->addr - last->addr < last->len)
		return damaged("segments that overlap");
	if (last && (last->phys != range->phys ? last->phys : last->addr > range->addr))
		return damaged("segments out of order");
	if (phdr->p_filesz)
		range->bytes = c->image + offset;
	return NULL;
}

static km_error *parse(struct km_capsule *c)
{
	size_t headers, notes;
	Elf64_Phdr phdr;
	uint64_t offset;
	km_error *err = parse_header(c, &headers, &notes);

	if (err)
		return err;
	phdr = phdr_at(c, 0);
	if (phdr.p_type != PT_NOTE || phdr.p_offset != notes || phdr.p_filesz > c->size - notes ||
	    phdr.p_flags || phdr.p_vaddr || phdr.p_paddr || phdr.p_memsz || phdr.p_align != 4)
		return damaged("no notes");
	err = parse_notes(c, notes, phdr.p_filesz);
	if (err)
		return err;
	offset = notes + phdr.p_filesz;
	c->ranges = calloc(headers, sizeof(*c->ranges));
	if (!c->ranges)
		return km_errorf(KM_ENOMEM, "out of memory");
	for (size_t i = 1; i < headers; i++) {
		struct km_capsule_range *last = c->count ? &c->ranges[c->count - 1] : NULL;

		phdr = phdr_at(c, i);
		err = parse_segment(c, &phdr, offset, last, &c->ranges[c->count]);
		if (err)
			return err;
		c->count++;
		offset += phdr.p_filesz;
	}
	if (offset != c->size)
		return damaged("bytes behind the last segment");
	if (c->note_lens[KM_NOTE_MANIFEST] > MAX_MANIFEST ||
	    c->note_lens[KM_NOTE_STACKS] > MAX_SAVED)
		return damaged("a manifest of absurd length");
	err = km_manifest_parse((const char *)c->notes[KM_NOTE_MANIFEST],
				c->note_lens[KM_NOTE_MANIFEST], &c->manifest);
	if (!err && c->manifest.format != c->format)
		return damaged("its manifest is of another format");
	if (!err && c->notes[KM_NOTE_STACKS])
		err = km_saved_stacks_parse((const char *)c->notes[KM_NOTE_STACKS],
					    c->note_lens[KM_NOTE_STACKS], &c->saved);
	c->manifest.kernel.saved = c->saved;
	c->manifest.kernel.btf = c->notes[KM_NOTE_TYPES];
	c->manifest.kernel.btf_len = c->note_lens[KM_NOTE_TYPES];
	return err;
}

km_error *km_capsule_open(const char *path, struct km_capsule **capsule)
{
	struct km_capsule *c = calloc(1, sizeof(*c));
	uint8_t *file = NULL;
	size_t size;
	km_error *err;

	if (!c || !(c->path = strdup(path))) {
		free(c);
		return km_errorf(KM_ENOMEM, "out of memory");
	}
	err = read_file(path, KM_CAPSULE_MAX + 1, &file, &size);
	if (!err) {
		err = unpack(c, file, size);
		free(file);
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
		.brings = &c->manifest.kernel,
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
		return damaged("the manifest has more in it than its values");
	if (c->odd_header)
		return damaged("the header of gzip is not the one that capsules have");
	for (uint32_t type = KM_NOTE_FORMAT; type <= km_capsule_last_note(c->format); type++) {
		const uint8_t *end = c->notes[type] + c->note_lens[type];

		if (!all_zero(end, c->notes[type] + padded(c->note_lens[type])))
			return damaged("something behind the end of a note");
	}
	return NULL;
}
