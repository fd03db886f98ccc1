// SPDX-License-Identifier: GPL-2.0-or-later
#include "elf_loads.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_HEADERS (1u << 20)
#define MAX_NOTES   (64u << 20)

static km_error *damaged(const char *how)
{
	return km_errorf(KM_EDATA, "damaged ELF: %s", how);
}

static bool read_at(int fd, void *buf, size_t len, uint64_t at)
{
	return pread(fd, buf, len, (off_t)at) == (ssize_t)len;
}

/* Is [at, at + count * size) within the file? */
static bool inside(uint64_t file, uint64_t at, uint64_t count, uint64_t size)
{
	return at <= file && count <= (file - at) / size;
}

/* How many program headers; section header 0 tells if they are too many for the ELF header. */
static km_error *count_headers(int fd, const Elf64_Ehdr *ehdr, uint64_t file, size_t *count)
{
	Elf64_Shdr first;

	*count = ehdr->e_phnum;
	if (ehdr->e_shnum && (ehdr->e_shentsize != sizeof(first) ||
			      !inside(file, ehdr->e_shoff, ehdr->e_shnum, sizeof(first))))
		return damaged("section headers outside of the file");
	if (ehdr->e_phnum == PN_XNUM) {
		if (!ehdr->e_shnum || !read_at(fd, &first, sizeof(first), ehdr->e_shoff))
			return damaged("no number of program headers");
		*count = first.sh_info;
	}
	if (ehdr->e_phentsize != sizeof(Elf64_Phdr) || !*count || *count > MAX_HEADERS ||
	    !inside(file, ehdr->e_phoff, *count, sizeof(Elf64_Phdr)))
		return damaged("program headers outside of the file");
	return NULL;
}

static int compare(const void *a, const void *b)
{
	const struct elf_load *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Brings them into order, and makes one of those that touch. */
static void join(struct elf_loads *loads)
{
	size_t kept = 0;

	if (loads->count)
		qsort(loads->list, loads->count, sizeof(*loads->list), compare);
	for (size_t i = 0; i < loads->count; i++) {
		struct elf_load *last = kept ? &loads->list[kept - 1] : NULL;

		if (last && loads->list[i].start <= last->end) {
			if (loads->list[i].end > last->end)
				last->end = loads->list[i].end;
		} else {
			loads->list[kept++] = loads->list[i];
		}
	}
	loads->count = kept;
}

static km_error *read_headers(int fd, const Elf64_Ehdr *ehdr, uint64_t file, size_t count,
			      struct elf_loads *loads)
{
	Elf64_Phdr *headers = calloc(count, sizeof(*headers));
	km_error *err = NULL;

	loads->list = calloc(count, sizeof(*loads->list));
	if (!headers || !loads->list)
		err = km_errorf(KM_ENOMEM, "out of memory");
	else if (!read_at(fd, headers, count * sizeof(*headers), ehdr->e_phoff))
		err = damaged("program headers can't be read");
	for (size_t i = 0; i < count && !err; i++) {
		const Elf64_Phdr *h = &headers[i];
		uint64_t len = h->p_filesz;

		if (h->p_type == PT_NOTE && (len > MAX_NOTES || !inside(file, h->p_offset, len, 1)))
			err = damaged("notes outside of the file");
		if (h->p_type != PT_LOAD)
			continue;
		if (h->p_paddr + len < h->p_paddr || h->p_offset + len < h->p_offset ||
		    h->p_memsz < len || h->p_paddr + h->p_memsz < h->p_paddr)
			err = damaged("a segment that ends before it begins");
		/* a dump that was cut off holds what is there */
		if (h->p_offset >= file)
			continue;
		len = len < file - h->p_offset ? len : file - h->p_offset;
		loads->list[loads->count++] = (struct elf_load){h->p_paddr, h->p_paddr + len};
	}
	free(headers);
	join(loads);
	return err;
}

km_error *elf_loads_read(int fd, struct elf_loads *loads)
{
	Elf64_Ehdr ehdr;
	struct stat st;
	size_t count;
	km_error *err;

	*loads = (struct elf_loads){0};
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || !read_at(fd, &ehdr, sizeof(ehdr), 0) ||
	    memcmp(ehdr.e_ident, ELFMAG, SELFMAG) || ehdr.e_ident[EI_CLASS] != ELFCLASS64 ||
	    ehdr.e_ident[EI_DATA] != ELFDATA2LSB)
		return NULL;
	err = count_headers(fd, &ehdr, (uint64_t)st.st_size, &count);
	return err ? err : read_headers(fd, &ehdr, (uint64_t)st.st_size, count, loads);
}

void elf_loads_free(struct elf_loads *loads)
{
	free(loads->list);
	*loads = (struct elf_loads){0};
}

bool elf_loads_hold(const struct elf_loads *loads, uint64_t pa, size_t len)
{
	size_t low = 0, high = loads->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (loads->list[mid].end <= pa)
			low = mid + 1;
		else
			high = mid;
	}
	return low < loads->count && loads->list[low].start <= pa &&
	       len <= loads->list[low].end - pa;
}
