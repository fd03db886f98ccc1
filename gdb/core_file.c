// SPDX-License-Identifier: GPL-2.0-or-later
#include "core_file.h"

#include "dump/dump_notes.h"
#include "dump/elf_core.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct core_file {
	struct km_file file;
	struct km_elf_core elf;
};

static km_error *read_headers(struct core_file *core, int fd)
{
	core->file.fd = fd;
	if (fd < 0 || !km_file_init(&core->file, fd))
		return km_errorf(KM_EREAD, "%s", strerror(errno));
	return km_file_blame(&core->file, km_elf_core_is(&core->file)
						  ? km_elf_core_read(&core->file, &core->elf)
						  : km_errorf(KM_EDATA, "not an ELF core"));
}

km_error *core_file_open(const char *path, struct core_file **out)
{
	struct core_file *core = calloc(1, sizeof(*core));
	km_error *err;

	if (!core)
		return km_errorf(KM_ENOMEM, "out of memory");
	err = read_headers(core, open(path, O_RDONLY | O_CLOEXEC));
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
	if (core->file.fd >= 0)
		close(core->file.fd);
	km_elf_core_free(&core->elf);
	free(core);
}

char *core_file_vmcoreinfo(struct core_file *core)
{
	return km_dump_notes_vmcoreinfo(&core->file);
}

struct km_file *core_file_of(struct core_file *core)
{
	return &core->file;
}

const struct km_dump_loss *core_file_loss(const struct core_file *core)
{
	return &core->elf.loss;
}

km_error *core_file_read(struct core_file *core, uint64_t pa, void *buf, size_t len)
{
	uint8_t *out = buf;
	uint64_t at, run;

	while (len) {
		if (!km_elf_core_find(&core->elf, pa, &at, &run))
			return km_errorf(KM_EREAD,
					 "physical address 0x%" PRIx64 " is not in the core", pa);
		run = run < len ? run : len;
		if (!km_file_read(&core->file, at, out, run))
			return km_errorf(KM_EREAD,
					 "physical address 0x%" PRIx64
					 ": the core is not readable there",
					 pa);
		out += run;
		pa += run;
		len -= run;
	}
	return NULL;
}
