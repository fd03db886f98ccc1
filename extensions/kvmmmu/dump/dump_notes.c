// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump_notes.h"

#include "elf_core.h"
#include "kdump_header.h"
#include "prstatus.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_COUNT      65536
#define MAX_VMCOREINFO (1u << 20)

struct wanted {
	const char *name;
	bool prstatus; /* else of any type and size */
	unsigned skip; /* so many like it come first */
	unsigned left; /* notes to look at, at most */
};

static bool get(int fd, uint64_t at, void *buf, size_t len)
{
	return at < INT64_MAX && pread(fd, buf, len, (off_t)at) == (ssize_t)len;
}

static uint64_t padded(uint32_t len)
{
	return ((uint64_t)len + 3) & ~3ULL;
}

static bool is_wanted(int fd, uint64_t at, const Elf64_Nhdr *note, const struct wanted *w)
{
	size_t len = strlen(w->name);
	char name[16];

	if (w->prstatus && (note->n_type != NT_PRSTATUS || note->n_descsz != KM_PRSTATUS_SIZE))
		return false;
	/* some write the name's end, some don't */
	return note->n_namesz >= len && note->n_namesz <= len + 1 &&
	       get(fd, at + sizeof(*note), name, note->n_namesz) &&
	       !memcmp(name, w->name, note->n_namesz);
}

/* Among the notes in this part of the file: where the description is, and its size. */
static bool find_in(int fd, const struct km_elf_note *notes, struct wanted *w, uint64_t *desc,
		    uint32_t *size)
{
	uint64_t at = notes->at, end = notes->at + notes->size;
	Elf64_Nhdr note;

	for (; w->left && at + sizeof(note) <= end; w->left--) {
		if (!get(fd, at, &note, sizeof(note)))
			return false;
		*desc = at + sizeof(note) + padded(note.n_namesz);
		*size = note.n_descsz;
		if (*desc + *size > end)
			return false;
		if (is_wanted(fd, at, &note, w) && !w->skip--)
			return true;
		at = *desc + padded(note.n_descsz);
	}
	return false;
}

static bool find(int fd, struct wanted w, uint64_t *desc, uint32_t *size)
{
	struct km_kdump_header header;
	struct km_elf_core core = {0};
	struct km_elf_note notes;
	km_error *err = NULL;
	bool found = false;

	if (km_kdump_header_is(fd)) {
		err = km_kdump_header_read(fd, &header);
		notes = (struct km_elf_note){header.notes, header.notes_size};
		found = !err && find_in(fd, &notes, &w, desc, size);
	} else if (km_elf_core_is(fd)) {
		err = km_elf_core_read(fd, &core);
		for (size_t i = 0; !err && !found && i < core.note_count; i++)
			found = find_in(fd, &core.notes[i], &w, desc, size);
		km_elf_core_free(&core);
	}
	km_error_free(err);
	return found;
}

bool km_dump_notes_registers(int fd, unsigned cpu, struct km_registers *regs)
{
	uint8_t prstatus[KM_PRSTATUS_SIZE];
	uint64_t desc;
	uint32_t size;

	if (!find(fd, (struct wanted){"CORE", true, cpu, MAX_COUNT}, &desc, &size) ||
	    !get(fd, desc, prstatus, sizeof(prstatus)))
		return false;
	*regs = km_prstatus_registers(prstatus);
	return true;
}

char *km_dump_notes_vmcoreinfo(int fd)
{
	uint64_t desc;
	uint32_t size;
	char *text;

	if (!find(fd, (struct wanted){"VMCOREINFO", false, 0, MAX_COUNT}, &desc, &size) ||
	    size > MAX_VMCOREINFO || !(text = malloc(size + 1)))
		return NULL;
	if (!get(fd, desc, text, size)) {
		free(text);
		return NULL;
	}
	text[size] = '\0';
	return text;
}
