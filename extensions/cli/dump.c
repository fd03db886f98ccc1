// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump.h"

#include "../kvmmmu/address_space.h"
#include "../kvmmmu/dump_notes.h"
#include "../kvmmmu/elf_core.h"
#include "../kvmmmu/image.h"
#include "../kvmmmu/kdump_header.h"
#include "flattened.h"
#include "kdump_pages.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIVE_FILE "/proc/kcore"

struct dump {
	struct km_target target;
	int fd;
	struct kdump_pages *pages; /* of a kdump-compressed file; else NULL */
	struct km_elf_core core;   /* of an ELF file */
	char *vmcoreinfo;
	struct km_address_space kernel;
	struct km_image *image;
};

static struct dump *dump_of(struct km_target *target)
{
	return (struct dump *)target;
}

static km_error *read_elf(const struct dump *dump, uint64_t pa, void *buf, size_t len)
{
	while (len) {
		uint64_t offset, run;
		ssize_t done;

		if (!km_elf_core_find(&dump->core, pa, &offset, &run))
			return km_errorf(KM_EREAD,
					 "physical address 0x%" PRIx64 " is not in the dump", pa);
		done = pread(dump->fd, buf, len < run ? len : run, (off_t)offset);
		if (done <= 0)
			return km_errorf(KM_EREAD, "physical address 0x%" PRIx64 ": %s", pa,
					 done ? strerror(errno) : "the dump ends before it");
		buf = (char *)buf + done;
		pa += (uint64_t)done;
		len -= (size_t)done;
	}
	return NULL;
}

static km_error *read_phys(struct km_target *target, uint64_t pa, void *buf, size_t len)
{
	struct dump *dump = dump_of(target);

	return dump->pages ? kdump_pages_read(dump->pages, pa, buf, len)
			   : read_elf(dump, pa, buf, len);
}

static km_error *read_virt(struct km_target *target, uint64_t va, void *buf, size_t len)
{
	return km_address_space_read(&dump_of(target)->kernel, va, buf, len);
}

static bool symbol(struct km_target *target, const char *name, uint64_t *addr)
{
	return km_image_symbol(dump_of(target)->image, name, addr);
}

static bool symbol_at(struct km_target *target, uint64_t addr, char *name, size_t size,
		      uint64_t *offset)
{
	return km_image_symbol_at(dump_of(target)->image, addr, name, size, offset);
}

static bool registers(struct km_target *target, unsigned cpu, struct km_registers *regs)
{
	return km_dump_notes_registers(dump_of(target)->fd, cpu, regs);
}

static volatile sig_atomic_t got_sigint;

static void on_sigint(int signo)
{
	(void)signo;
	got_sigint = 1;
}

static bool interrupted(struct km_target *target)
{
	(void)target;
	return got_sigint;
}

static const struct km_target_ops dump_ops = {
	.read_phys = read_phys,
	.read_virt = read_virt,
	.symbol = symbol,
	.interrupted = interrupted,
	.symbol_at = symbol_at,
	.registers = registers,
	.progress = km_progress_on_terminal,
};

/* QEMU's ELF dumps name an i386 while CPU 0 is in real mode: the page tables will tell. */
static km_error *open_elf(struct dump *dump)
{
	km_error *err = km_elf_core_read(dump->fd, &dump->core);

	if (!err && dump->core.machine != EM_X86_64 && dump->core.machine != EM_386)
		err = km_errorf(KM_EDATA, "no dump of Linux on x86-64");
	return err;
}

/* Flattened dumps in another file. */
static km_error *open_any_format(struct dump *dump, const char *path)
{
	km_error *err;
	int plain;

	if (flattened_is(dump->fd)) {
		err = flattened_rearrange(dump->fd, path, &plain);
		if (err)
			return err;
		close(dump->fd);
		dump->fd = plain;
	}
	if (km_kdump_header_is(dump->fd))
		return kdump_pages_open(dump->fd, &dump->pages);
	if (km_elf_core_is(dump->fd))
		return open_elf(dump);
	return km_errorf(KM_EDATA, "no ELF, kdump-compressed or flattened dump");
}

static km_error *not_opened(const char *path)
{
	if (strcmp(path, LIVE_FILE))
		return km_errorf(errno == ENOENT ? KM_EUSAGE : KM_EREAD, "%s: %s", path,
				 strerror(errno));
	if (errno == ENOENT)
		return km_errorf(KM_EREAD, "the running kernel has no " LIVE_FILE);
	return km_errorf(KM_EREAD,
			 LIVE_FILE ": %s: this needs root, and a kernel that is not locked "
				   "down",
			 strerror(errno));
}

static km_error *open_file(struct dump *dump, const char *path)
{
	km_error *err;

	dump->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (dump->fd < 0)
		return not_opened(path);
	err = open_any_format(dump, path);
	if (err)
		return km_error_context(err, "%s", path);
	dump->vmcoreinfo = km_dump_notes_vmcoreinfo(dump->fd);
	if (!dump->vmcoreinfo)
		return km_errorf(KM_EDATA,
				 "%s: has no VMCOREINFO: it is no dump of Linux, or QEMU's machine "
				 "lacked -device vmcoreinfo",
				 path);
	return NULL;
}

km_error *dump_open(const char *path, const char *debug, struct dump **out)
{
	struct dump *dump = calloc(1, sizeof(*dump));
	km_error *err;

	if (!strcmp(path, "live"))
		path = LIVE_FILE;
	if (!dump)
		return km_errorf(KM_ENOMEM, "out of memory");
	dump->fd = -1;
	dump->target.ops = &dump_ops;
	dump->target.host = "kvmmmu";
	dump->target.name = path;
	dump->target.debug_dir = debug;
	if (!strcmp(path, LIVE_FILE))
		dump->target.moving = "it is the running kernel";
	err = open_file(dump, path);
	if (!err)
		err = km_error_context(
			km_address_space_init(&dump->kernel, &dump->target, dump->vmcoreinfo), "%s",
			path);
	if (!err && !(dump->image = km_image_new(&dump->target, dump->vmcoreinfo)))
		err = km_errorf(KM_ENOMEM, "out of memory");
	if (err) {
		dump_close(dump);
		return err;
	}
	signal(SIGINT, on_sigint);
	*out = dump;
	return NULL;
}

void dump_close(struct dump *dump)
{
	if (!dump)
		return;
	km_image_free(dump->image);
	km_address_space_deinit(&dump->kernel);
	kdump_pages_close(dump->pages);
	km_elf_core_free(&dump->core);
	if (dump->fd >= 0)
		close(dump->fd);
	free(dump->vmcoreinfo);
	free(dump);
}

struct km_target *dump_target(struct dump *dump)
{
	return &dump->target;
}
