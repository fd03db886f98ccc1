// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/dump_notes.h"

#include "dump/elf_core.h"
#include "dump/kdump_header.h"
#include "base/prstatus.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#define MAX_COUNT      65536
#define MAX_VMCOREINFO (1u << 20)

struct wanted {
	const char *name;
	bool prstatus; /* must be an NT_PRSTATUS; else any type and size */
	unsigned skip; /* number of matching notes to skip */
	unsigned left; /* maximum number of notes to examine */
};

static uint64_t padded(uint32_t len)
{
	return ((uint64_t)len + 3) & ~3ULL;
}

static bool is_wanted(struct km_file *file, uint64_t at, const Elf64_Nhdr *note,
		      const struct wanted *w)
{
	size_t len = strlen(w->name);
	char name[16];

	if (w->prstatus && (note->n_type != NT_PRSTATUS || note->n_descsz != KM_PRSTATUS_SIZE))
		return false;
	/* some writers count the terminating NUL, some do not */
	return note->n_namesz >= len && note->n_namesz <= len + 1 &&
	       km_file_read(file, at + sizeof(*note), name, note->n_namesz) &&
	       !memcmp(name, w->name, note->n_namesz);
}

/* Search this part of the file; *@desc and *@size locate the note's description. */
static bool find_in(struct km_file *file, const struct km_elf_note *notes, struct wanted *w,
		    uint64_t *desc, uint32_t *size)
{
	uint64_t at = notes->at, end = notes->at + notes->size;
	Elf64_Nhdr note;

	for (; w->left && at + sizeof(note) <= end; w->left--) {
		if (!km_file_read(file, at, &note, sizeof(note)))
			return false;
		*desc = at + sizeof(note) + padded(note.n_namesz);
		*size = note.n_descsz;
		if (*desc + *size > end)
			return false;
		if (is_wanted(file, at, &note, w) && !w->skip--)
			return true;
		at = *desc + padded(note.n_descsz);
	}
	return false;
}

static bool find(struct km_file *file, struct wanted w, uint64_t *desc, uint32_t *size)
{
	struct km_kdump_header header;
	struct km_elf_core core = {0};
	struct km_elf_note notes;
	km_error *err = NULL;
	bool found = false;

	if (km_kdump_header_is(file)) {
		err = km_kdump_header_read(file, &header);
		notes = (struct km_elf_note){header.notes, header.notes_size};
		found = !err && find_in(file, &notes, &w, desc, size);
	} else if (km_elf_core_is(file)) {
		err = km_elf_core_read(file, &core);
		for (size_t i = 0; !err && !found && i < core.note_count; i++)
			found = find_in(file, &core.notes[i], &w, desc, size);
		km_elf_core_free(&core);
	}
	km_error_free(err);
	return found;
}

bool km_dump_notes_registers(struct km_file *file, unsigned cpu, struct km_registers *regs)
{
	uint8_t prstatus[KM_PRSTATUS_SIZE];
	uint64_t desc;
	uint32_t size;

	if (!find(file, (struct wanted){"CORE", true, cpu, MAX_COUNT}, &desc, &size) ||
	    !km_file_read(file, desc, prstatus, sizeof(prstatus)))
		return false;
	*regs = km_prstatus_registers(prstatus);
	return true;
}

char *km_dump_notes_vmcoreinfo(struct km_file *file)
{
	uint64_t desc;
	uint32_t size;
	char *text;

	if (!find(file, (struct wanted){"VMCOREINFO", false, 0, MAX_COUNT}, &desc, &size) ||
	    size > MAX_VMCOREINFO || !(text = malloc(size + 1)))
		return NULL;
	if (!km_file_read(file, desc, text, size)) {
		free(text);
		return NULL;
	}
	text[size] = '\0';
	return text;
}
