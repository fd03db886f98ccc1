// SPDX-License-Identifier: GPL-2.0-or-later
#include "core_file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_NOTES   (64u << 20) /* thousands of CPUs' registers */
#define NOTE_NAME   "VMCOREINFO"
#define NO_PHYSICAL UINT64_MAX /* as /proc/kcore says of vmalloc */

struct core_file {
	int fd;
	Elf64_Phdr *segments;
	unsigned count;
	char *vmcoreinfo;
};

static km_error *read_at(int fd, uint64_t offset, void *buf, size_t len)
{
	uint8_t *out = buf;

	while (len) {
		ssize_t done = pread(fd, out, len, (off_t)offset);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return km_errorf(KM_EREAD, "%s", done ? strerror(errno) : "cut short");
		out += done;
		offset += (uint64_t)done;
		len -= (size_t)done;
	}
	return NULL;
}

static uint64_t align4(uint64_t n)
{
	return (n + 3) & ~UINT64_C(3);
}

/* The VMCOREINFO note in a segment of notes; it need not be there. */
static km_error *find_note(struct core_file *core, const Elf64_Phdr *segment)
{
	uint64_t len = segment->p_filesz, at = 0;
	km_error *err;
	char *notes;

	if (len > MAX_NOTES)
		return km_errorf(KM_EDATA, "notes of %" PRIu64 " bytes", len);
	notes = malloc(len + 1);
	if (!notes)
		return km_errorf(KM_ENOMEM, "out of memory");
	err = read_at(core->fd, segment->p_offset, notes, len);
	while (!err && at + sizeof(Elf64_Nhdr) <= len) {
		Elf64_Nhdr head;
		uint64_t name = at + sizeof(head), desc;

		memcpy(&head, notes + at, sizeof(head));
		desc = name + align4(head.n_namesz);
		at = desc + align4(head.n_descsz);
		if (desc + head.n_descsz > len)
			break;
		if (head.n_namesz == sizeof(NOTE_NAME) &&
		    !memcmp(notes + name, NOTE_NAME, sizeof(NOTE_NAME))) {
			core->vmcoreinfo = strndup(notes + desc, head.n_descsz);
			break;
		}
	}
	free(notes);
	return err;
}

static km_error *read_headers(struct core_file *core)
{
	Elf64_Ehdr head;
	km_error *err = read_at(core->fd, 0, &head, sizeof(head));

	if (err)
		return err;
	if (memcmp(head.e_ident, ELFMAG, SELFMAG) || head.e_ident[EI_CLASS] != ELFCLASS64 ||
	    head.e_type != ET_CORE || head.e_phentsize != sizeof(Elf64_Phdr))
		return km_errorf(KM_EDATA, "no ELF core of 64 bits");
	core->count = head.e_phnum;
	core->segments = calloc(core->count + 1u, sizeof(*core->segments));
	if (!core->segments)
		return km_errorf(KM_ENOMEM, "out of memory");
	err = read_at(core->fd, head.e_phoff, core->segments, core->count * sizeof(Elf64_Phdr));
	for (unsigned i = 0; !err && !core->vmcoreinfo && i < core->count; i++) {
		if (core->segments[i].p_type == PT_NOTE)
			err = find_note(core, &core->segments[i]);
	}
	return err;
}

km_error *core_file_open(const char *path, struct core_file **out)
{
	struct core_file *core = calloc(1, sizeof(*core));
	km_error *err;

	if (!core)
		return km_errorf(KM_ENOMEM, "out of memory");
	core->fd = open(path, O_RDONLY | O_CLOEXEC);
	err = core->fd < 0 ? km_errorf(KM_EREAD, "%s", strerror(errno)) : read_headers(core);
	if (err) {
		core_file_close(core);
		return km_error_context(err, "%s", path);
	}
	*out = core;
	return NULL;
}

void core_file_close(struct core_file *core)
{
	if (!core)
		return;
	if (core->fd >= 0)
		close(core->fd);
	free(core->segments);
	free(core->vmcoreinfo);
	free(core);
}

const char *core_file_vmcoreinfo(const struct core_file *core)
{
	return core->vmcoreinfo;
}

static const Elf64_Phdr *segment_of(const struct core_file *core, uint64_t pa)
{
	for (unsigned i = 0; i < core->count; i++) {
		const Elf64_Phdr *s = &core->segments[i];

		if (s->p_type == PT_LOAD && s->p_paddr != NO_PHYSICAL && pa >= s->p_paddr &&
		    pa - s->p_paddr < s->p_filesz)
			return s;
	}
	return NULL;
}

km_error *core_file_read(const struct core_file *core, uint64_t pa, void *buf, size_t len)
{
	uint8_t *out = buf;

	while (len) {
		const Elf64_Phdr *s = segment_of(core, pa);
		uint64_t left = s ? s->p_filesz - (pa - s->p_paddr) : 0;
		km_error *err;

		if (!s)
			return km_errorf(KM_EREAD,
					 "physical address 0x%" PRIx64 " is not in the core", pa);
		left = left < len ? left : len;
		err = read_at(core->fd, s->p_offset + (pa - s->p_paddr), out, left);
		if (err)
			return km_error_context(err, "physical address 0x%" PRIx64, pa);
		out += left;
		pa += left;
		len -= left;
	}
	return NULL;
}
