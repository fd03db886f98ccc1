// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump.h"

#include "base/file_read.h"
#include "dump/address_space.h"
#include "dump/dump_notes.h"
#include "dump/elf_core.h"
#include "dump/image.h"
#include "dump/kdump_header.h"
#include "dump/vmcoreinfo.h"
#include "dump/flattened.h"
#include "cache.h"
#include "kdump_pages.h"
#include "types/unpack.h"

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
	struct km_file file;
	struct cache *cache;		/* NULL: nothing is kept about it */
	struct km_flattened *flattened; /* where its pieces are; NULL: it is not flattened */
	struct kdump_pages *pages;	/* that a kdump-compressed file holds; else NULL */
	struct km_elf_core core;	/* that an ELF file holds */
	char *vmcoreinfo;
	struct km_address_space kernel;
	struct km_image *image;
};

static struct dump *dump_of(struct km_target *target)
{
	return (struct dump *)target;
}

static km_error *read_elf(struct dump *dump, uint64_t pa, void *buf, size_t len)
{
	uint64_t offset, run;

	for (size_t done = 0; done < len; done += run) {
		if (!km_elf_core_find(&dump->core, pa + done, &offset, &run))
			return km_errorf(KM_EREAD,
					 "physical address 0x%" PRIx64 " is not in the dump", pa);
		run = run < len - done ? run : len - done;
		if (!km_file_read(&dump->file, offset, (uint8_t *)buf + done, run))
			return km_errorf(KM_EREAD,
					 "physical address 0x%" PRIx64
					 ": the dump file is not readable there",
					 pa);
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
	return km_dump_notes_registers(&dump_of(target)->file, cpu, regs);
}

static const char *why_missing(struct km_target *target)
{
	const struct dump *dump = dump_of(target);
	const char *loss;

	if (target->moving)
		return NULL;
	loss = km_dump_loss_text(dump->pages ? kdump_pages_loss(dump->pages) : &dump->core.loss);
	return loss || !dump->image ? loss : km_image_trouble(dump->image);
}

static km_error *no_symbols(struct km_target *target)
{
	return km_image_no_symbols(dump_of(target)->image);
}

static struct km_file *file(struct km_target *target)
{
	return &dump_of(target)->file;
}

/* For a running kernel: forget the cached page tables. Addresses of its symbols never change. */
static void forget(struct km_target *target)
{
	km_memory_forget(dump_of(target)->kernel.tables);
}

static volatile sig_atomic_t got_sigint;

static void on_sigint(int signo)
{
	got_sigint = 1;
	signal(signo, SIG_DFL); /* a second one terminates the program at once */
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
	.why_missing = why_missing,
	.no_symbols = no_symbols,
	.file = file,
	.forget = forget,
	.progress = km_progress_on_terminal,
};

static km_error *not_a_dump(struct dump *dump)
{
	uint8_t magic[8];
	const char *unpacker = km_file_read(&dump->file, 0, magic, sizeof(magic))
				       ? km_unpacker(magic, sizeof(magic))
				       : NULL;

	return unpacker ? km_packed_dump(unpacker)
			: km_errorf(KM_EDATA, "neither an ELF nor a kdump-compressed dump");
}

static km_error *check_headers(struct dump *dump)
{
	if (km_kdump_header_is(&dump->file))
		return kdump_pages_open(&dump->file, &dump->pages);
	if (km_elf_core_is(&dump->file))
		return km_elf_core_read(&dump->file, &dump->core);
	return not_a_dump(dump);
}

static km_error *other_pages(void)
{
	return km_errorf(
		KM_EDATA,
		"damaged, or a dump of a different architecture: it does not have x86's page size");
}

static km_error *not_opened(const char *path)
{
	if (strcmp(path, LIVE_FILE))
		return km_errorf(KM_EREAD, "%s: %s", path, strerror(errno));
	if (errno == ENOENT)
		return km_errorf(KM_EREAD, "the running kernel has no " LIVE_FILE);
	return km_errorf(KM_EREAD,
			 LIVE_FILE ": %s: this requires root, and a kernel that is not locked "
				   "down",
			 strerror(errno));
}

static km_error *open_format(struct dump *dump)
{
	km_error *err = NULL;
	char pages[32];

	if (km_flattened_is(&dump->file))
		err = km_flattened_index(&dump->file, dump->target.memo, &dump->flattened);
	if (!err)
		err = check_headers(dump);
	if (err)
		return err;
	dump->vmcoreinfo = km_dump_notes_vmcoreinfo(&dump->file);
	if (!dump->vmcoreinfo)
		return km_errorf(KM_EDATA,
				 "no VMCOREINFO: not a dump of Linux, or QEMU ran without "
				 "-device vmcoreinfo");
	if (km_vmcoreinfo_line(dump->vmcoreinfo, "PAGESIZE", pages, sizeof(pages)) &&
	    strcmp(pages, "4096"))
		return other_pages();
	return km_address_space_init(&dump->kernel, &dump->target, dump->vmcoreinfo);
}

static km_error *open_file(struct dump *dump, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return not_opened(path);
	if (!km_file_init(&dump->file, fd))
		return km_errorf(KM_EDATA, "%s: not a regular file", path);
	if (!dump->target.moving)
		dump->cache = cache_open(&dump->file);
	dump->target.memo = cache_memo(dump->cache);
	return km_error_context(km_file_blame(&dump->file, open_format(dump)), "%s", path);
}

km_error *dump_open(const char *path, const char *debug, struct dump **out)
{
	struct dump *dump = calloc(1, sizeof(*dump));
	km_error *err;

	if (!strcmp(path, "live"))
		path = LIVE_FILE;
	if (!dump)
		return km_errorf(KM_ENOMEM, "out of memory");
	dump->file.fd = -1;
	dump->target.ops = &dump_ops;
	dump->target.host = "kvmmmu";
	dump->target.name = path;
	dump->target.debug_dir = debug;
	if (!strcmp(path, LIVE_FILE))
		dump->target.moving = "it is the running kernel";
	err = open_file(dump, path);
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
	km_flattened_free(dump->flattened);
	cache_close(dump->cache, &dump->file);
	if (dump->file.fd >= 0)
		close(dump->file.fd);
	kdump_pages_close(dump->pages);
	km_elf_core_free(&dump->core);
	free(dump->vmcoreinfo);
	free(dump);
}

struct km_target *dump_target(struct dump *dump)
{
	return &dump->target;
}
