// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump_notes.h"

#include <elf.h>
#include <string.h>
#include <unistd.h>

/* struct disk_dump_header, then in the next block struct kdump_sub_header (of
 * makedumpfile): where things are in them */
#define HEADER_VERSION	  8
#define HEADER_BLOCK_SIZE 428
#define SUB_OFFSET_NOTE	  48
#define SUB_SIZE_NOTE	  56
#define NOTES_SINCE	  4 /* header version */

/* struct elf_prstatus of x86-64, and in it pr_reg */
#define PRSTATUS_SIZE 336
#define PR_RBP	      (112 + 4 * 8)
#define PR_RIP	      (112 + 16 * 8)
#define PR_RSP	      (112 + 19 * 8)

#define MAX_NOTES (64u << 20)
#define MAX_COUNT 65536

static bool get(int fd, uint64_t at, void *buf, size_t len)
{
	return at < INT64_MAX && pread(fd, buf, len, (off_t)at) == (ssize_t)len;
}

static uint64_t padded(uint32_t len)
{
	return ((uint64_t)len + 3) & ~3ULL;
}

/* Start and end of the notes in a kdump-compressed file. */
static bool find_kdump_notes(int fd, uint64_t *at, uint64_t *end)
{
	char signature[8];
	int32_t version, block;

	if (!get(fd, 0, signature, sizeof(signature)) || memcmp(signature, "KDUMP   ", 8) ||
	    !get(fd, HEADER_VERSION, &version, sizeof(version)) || version < NOTES_SINCE ||
	    !get(fd, HEADER_BLOCK_SIZE, &block, sizeof(block)) || block <= 0 ||
	    !get(fd, (uint64_t)block + SUB_OFFSET_NOTE, at, sizeof(*at)) ||
	    !get(fd, (uint64_t)block + SUB_SIZE_NOTE, end, sizeof(*end)) || *end > MAX_NOTES)
		return false;
	*end += *at;
	return *at < INT64_MAX;
}

/* Likewise in an ELF core. */
static bool find_elf_notes(int fd, uint64_t *at, uint64_t *end)
{
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdr;

	if (!get(fd, 0, &ehdr, sizeof(ehdr)) || memcmp(ehdr.e_ident, ELFMAG, SELFMAG) ||
	    ehdr.e_ident[EI_CLASS] != ELFCLASS64 || ehdr.e_type != ET_CORE ||
	    ehdr.e_phentsize != sizeof(phdr))
		return false;
	for (unsigned i = 0; i < ehdr.e_phnum; i++) {
		if (!get(fd, ehdr.e_phoff + i * sizeof(phdr), &phdr, sizeof(phdr)))
			return false;
		if (phdr.p_type != PT_NOTE)
			continue;
		*at = phdr.p_offset;
		*end = phdr.p_offset + phdr.p_filesz;
		return phdr.p_filesz <= MAX_NOTES && phdr.p_offset < INT64_MAX;
	}
	return false;
}

bool km_dump_notes_registers(int fd, unsigned cpu, struct km_registers *regs)
{
	uint64_t at, end;
	Elf64_Nhdr note;
	char name[5];

	if (!find_kdump_notes(fd, &at, &end) && !find_elf_notes(fd, &at, &end))
		return false;
	for (unsigned n = 0; n < MAX_COUNT && at + sizeof(note) <= end; n++) {
		uint64_t desc;

		if (!get(fd, at, &note, sizeof(note)))
			return false;
		desc = at + sizeof(note) + padded(note.n_namesz);
		if (note.n_type == NT_PRSTATUS && note.n_namesz == sizeof(name) &&
		    note.n_descsz == PRSTATUS_SIZE &&
		    get(fd, at + sizeof(note), name, sizeof(name)) && !memcmp(name, "CORE", 5) &&
		    !cpu--)
			return get(fd, desc + PR_RIP, &regs->rip, sizeof(regs->rip)) &&
			       get(fd, desc + PR_RSP, &regs->rsp, sizeof(regs->rsp)) &&
			       get(fd, desc + PR_RBP, &regs->rbp, sizeof(regs->rbp));
		at = desc + padded(note.n_descsz);
	}
	return false;
}
