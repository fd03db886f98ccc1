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
	int fd;
	struct km_elf_core elf;
};

static km_error *read_headers(struct core_file *core)
{
	if (core->fd < 0)
		return km_errorf(KM_EREAD, "%s", strerror(errno));
	if (!km_elf_core_is(core->fd))
		return km_errorf(KM_EDATA, "not an ELF core");
	return km_elf_core_read(core->fd, &core->elf);
}

km_error *core_file_open(const char *path, struct core_file **out)
{
	struct core_file *core = calloc(1, sizeof(*core));
	km_error *err;

	if (!core)
		return km_errorf(KM_ENOMEM, "out of memory");
	core->fd = open(path, O_RDONLY | O_CLOEXEC);
	err = read_headers(core);
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
	km_elf_core_free(&core->elf);
	free(core);
}

char *core_file_vmcoreinfo(const struct core_file *core)
{
	return km_dump_notes_vmcoreinfo(core->fd);
}

const struct km_dump_loss *core_file_loss(const struct core_file *core)
{
	return &core->elf.loss;
}

km_error *core_file_read(const struct core_file *core, uint64_t pa, void *buf, size_t len)
{
	uint8_t *out = buf;
	uint64_t at, run;
	ssize_t done;

	while (len) {
		if (!km_elf_core_find(&core->elf, pa, &at, &run))
			return km_errorf(KM_EREAD,
					 "physical address 0x%" PRIx64 " is not in the core", pa);
		done = pread(core->fd, out, run < len ? run : len, (off_t)at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return km_errorf(KM_EREAD, "physical address 0x%" PRIx64 ": %s", pa,
					 done ? strerror(errno) : "the file is truncated");
		out += done;
		pa += (uint64_t)done;
		len -= (size_t)done;
	}
	return NULL;
}
