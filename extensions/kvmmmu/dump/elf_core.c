// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/elf_core.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HEADERS (1u << 20)
#define MAX_NOTES   (64u << 20) /* bytes of all notes together */
#define INCOMPLETE  0x1		/* makedumpfile's DUMP_ELF_INCOMPLETE in e_flags */

/* The file's headers, converted to 64 bits. */
struct elf_file {
	struct km_file *file;
	bool is_32;
	Elf64_Ehdr ehdr;
};

static km_error *damaged(const char *how)
{
	return km_errorf(KM_EDATA, "damaged ELF: %s", how);
}

/* Is [at, at + count * size) within the file? */
static bool inside(uint64_t file, uint64_t at, uint64_t count, uint64_t size)
{
	return at <= file && count <= (file - at) / size;
}

bool km_elf_core_is(struct km_file *file)
{
	char ident[SELFMAG];

	return km_file_read(file, 0, ident, sizeof(ident)) && !memcmp(ident, ELFMAG, SELFMAG);
}

static bool read_ehdr(struct elf_file *f)
{
	Elf32_Ehdr small;

	if (!km_file_read(f->file, 0, f->ehdr.e_ident, EI_NIDENT))
		return false;
	f->is_32 = f->ehdr.e_ident[EI_CLASS] == ELFCLASS32;
	if (!f->is_32)
		return km_file_read(f->file, 0, &f->ehdr, sizeof(f->ehdr));
	if (!km_file_read(f->file, 0, &small, sizeof(small)))
		return false;
	f->ehdr.e_type = small.e_type;
	f->ehdr.e_machine = small.e_machine;
	f->ehdr.e_flags = small.e_flags;
	f->ehdr.e_phoff = small.e_phoff;
	f->ehdr.e_phentsize = small.e_phentsize;
	f->ehdr.e_phnum = small.e_phnum;
	f->ehdr.e_shoff = small.e_shoff;
	f->ehdr.e_shentsize = small.e_shentsize;
	f->ehdr.e_shnum = small.e_shnum;
	return true;
}

/* Count program headers; section header 0 has the number if it does not fit the ELF header. */
static km_error *count_headers(const struct elf_file *f, size_t *count)
{
	const Elf64_Ehdr *ehdr = &f->ehdr;
	size_t section = f->is_32 ? sizeof(Elf32_Shdr) : sizeof(Elf64_Shdr);
	size_t program = f->is_32 ? sizeof(Elf32_Phdr) : sizeof(Elf64_Phdr);
	uint32_t info;

	*count = ehdr->e_phnum;
	if (ehdr->e_shnum && (ehdr->e_shentsize != section ||
			      !inside(f->file->size, ehdr->e_shoff, ehdr->e_shnum, section)))
		return damaged("section headers outside the file");
	if (ehdr->e_phnum == PN_XNUM) {
		size_t at =
			f->is_32 ? offsetof(Elf32_Shdr, sh_info) : offsetof(Elf64_Shdr, sh_info);

		if (!ehdr->e_shnum ||
		    !km_file_read(f->file, ehdr->e_shoff + at, &info, sizeof(info)))
			return damaged("the number of program headers is missing");
		*count = info;
	}
	if (ehdr->e_phentsize != program || !*count || *count > MAX_HEADERS ||
	    !inside(f->file->size, ehdr->e_phoff, *count, program))
		return damaged("program headers outside the file");
	return NULL;
}

/* Return all program headers as they are in the file; NULL if memory is exhausted. */
static void *read_table(const struct elf_file *f, size_t count, bool *read)
{
	size_t size = count * (f->is_32 ? sizeof(Elf32_Phdr) : sizeof(Elf64_Phdr));
	void *table = malloc(size);

	*read = table && km_file_read(f->file, f->ehdr.e_phoff, table, size);
	return table;
}

static Elf64_Phdr header_in(const struct elf_file *f, const void *table, size_t i)
{
	const Elf32_Phdr *small = (const Elf32_Phdr *)table + i;

	if (!f->is_32)
		return ((const Elf64_Phdr *)table)[i];
	return (Elf64_Phdr){.p_type = small->p_type,
			    .p_offset = small->p_offset,
			    .p_paddr = small->p_paddr,
			    .p_filesz = small->p_filesz,
			    .p_memsz = small->p_memsz};
}

static km_error *add_load(struct km_elf_core *core, const Elf64_Phdr *h, uint64_t file)
{
	uint64_t len = h->p_filesz;

	if (h->p_paddr == UINT64_MAX) /* /proc/kcore: virtual memory without one physical address */
		return NULL;
	if (h->p_paddr + len < h->p_paddr || h->p_offset + len < h->p_offset || h->p_memsz < len ||
	    h->p_paddr + h->p_memsz < h->p_paddr)
		return damaged("a segment that ends before it begins");
	/* a truncated dump contains what precedes its end */
	if (h->p_offset >= file || len > file - h->p_offset)
		core->loss.cut_off = true;
	if (h->p_offset >= file)
		return NULL;
	len = len < file - h->p_offset ? len : file - h->p_offset;
	if (len)
		core->loads[core->load_count++] =
			(struct km_elf_load){h->p_paddr, h->p_paddr + len, h->p_offset};
	return NULL;
}

static km_error *add_notes(struct km_elf_core *core, const Elf64_Phdr *h, uint64_t file,
			   uint64_t *left)
{
	if (!inside(file, h->p_offset, h->p_filesz, 1))
		return damaged("notes outside the file");
	if (h->p_filesz > *left)
		return damaged("too many notes");
	*left -= h->p_filesz;
	core->notes[core->note_count++] = (struct km_elf_note){h->p_offset, h->p_filesz};
	return NULL;
}

static int compare(const void *a, const void *b)
{
	const struct km_elf_load *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Sort the segments; where two overlap, the first one counts. */
static void sort_loads(struct km_elf_core *core)
{
	struct km_elf_load *loads = core->loads;
	uint64_t end = 0;
	size_t kept = 0;

	if (core->load_count)
		qsort(loads, core->load_count, sizeof(*loads), compare);
	for (size_t i = 0; i < core->load_count; i++) {
		struct km_elf_load load = loads[i];

		if (load.end <= end)
			continue;
		if (load.start < end) {
			load.offset += end - load.start;
			load.start = end;
		}
		end = load.end;
		loads[kept++] = load;
	}
	core->load_count = kept;
}

static km_error *read_headers(const struct elf_file *f, size_t count, struct km_elf_core *core)
{
	bool read;
	void *table = read_table(f, count, &read);
	uint64_t left = MAX_NOTES;
	km_error *err = NULL;

	core->loss.incomplete = f->ehdr.e_flags & INCOMPLETE;
	core->loads = calloc(count, sizeof(*core->loads));
	core->notes = calloc(count, sizeof(*core->notes));
	if (!table || !core->loads || !core->notes)
		err = km_errorf(KM_ENOMEM, "out of memory");
	else if (!read)
		err = damaged("program headers are not readable");
	for (size_t i = 0; i < count && !err; i++) {
		Elf64_Phdr h = header_in(f, table, i);

		if (h.p_type == PT_LOAD)
			err = add_load(core, &h, f->file->size);
		else if (h.p_type == PT_NOTE)
			err = add_notes(core, &h, f->file->size, &left);
	}
	free(table);
	sort_loads(core);
	return err;
}

km_error *km_elf_core_read(struct km_file *file, struct km_elf_core *core)
{
	struct elf_file f = {.file = file};
	size_t count;
	km_error *err;

	*core = (struct km_elf_core){0};
	if (!read_ehdr(&f))
		return damaged("it is truncated");
	if (f.ehdr.e_ident[EI_DATA] != ELFDATA2LSB ||
	    (!f.is_32 && f.ehdr.e_ident[EI_CLASS] != ELFCLASS64) ||
	    (f.ehdr.e_machine != EM_X86_64 && f.ehdr.e_machine != EM_386))
		return km_errorf(KM_EDATA, "an ELF file of another architecture");
	if (f.ehdr.e_type != ET_CORE)
		return km_errorf(KM_EDATA, "an ELF file, but not a core file");
	err = count_headers(&f, &count);
	return err ? err : read_headers(&f, count, core);
}

void km_elf_core_free(struct km_elf_core *core)
{
	free(core->loads);
	free(core->notes);
	*core = (struct km_elf_core){0};
}

bool km_elf_core_find(const struct km_elf_core *core, uint64_t pa, uint64_t *offset, uint64_t *run)
{
	size_t low = 0, high = core->load_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (core->loads[mid].end <= pa)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == core->load_count || core->loads[low].start > pa)
		return false;
	*offset = core->loads[low].offset + (pa - core->loads[low].start);
	*run = core->loads[low].end - pa;
	return true;
}
