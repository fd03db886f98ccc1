// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump.h"

#include "../kvmmmu/address_space.h"
#include "../kvmmmu/dump_notes.h"
#include "../kvmmmu/elf_core.h"
#include "../kvmmmu/image.h"
#include "../kvmmmu/kdump_header.h"
#include "../kvmmmu/vmcoreinfo.h"
#include "flattened.h"
#include "kdump_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libkdumpfile/kdumpfile.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIVE_FILE "/proc/kcore"

struct dump {
	struct km_target target;
	int fd;
	kdump_ctx_t *ctx;
	struct kdump_pages *pages; /* that a kdump-compressed file holds; else NULL */
	struct km_elf_core core;   /* that an ELF file holds */
	char *vmcoreinfo;
	struct km_address_space kernel;
	struct km_image *image;
};

static struct dump *dump_of(struct km_target *target)
{
	return (struct dump *)target;
}

/* Does an ELF file hold all of it? libkdumpfile reads what lies between segments as zeros. */
static km_error *core_holds(const struct km_elf_core *core, uint64_t pa, size_t len)
{
	uint64_t offset, run;

	for (size_t done = 0; done < len; done += run) {
		if (!km_elf_core_find(core, pa + done, &offset, &run))
			return km_errorf(KM_EREAD,
					 "physical address 0x%" PRIx64 " is not in the dump", pa);
	}
	return NULL;
}

static km_error *read_phys(struct km_target *target, uint64_t pa, void *buf, size_t len)
{
	struct dump *dump = dump_of(target);
	size_t done = len;
	kdump_status status;
	km_error *err;

	err = dump->pages ? kdump_pages_hold(dump->pages, pa, len)
			  : core_holds(&dump->core, pa, len);
	if (err)
		return err;
	status = kdump_read(dump->ctx, KDUMP_MACHPHYSADDR, pa, buf, &done);
	if (status != KDUMP_OK || done != len)
		return km_errorf(KM_EREAD, "physical address 0x%" PRIx64 ": %s", pa,
				 status == KDUMP_OK ? "short read" : kdump_get_err(dump->ctx));
	return NULL;
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
	got_sigint = 1;
	signal(signo, SIG_DFL); /* a second one ends us at once */
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

/* libkdumpfile 0.5.1 believes what headers, notes and page descriptors say: we look first. */
static km_error *check_headers(struct dump *dump)
{
	if (km_kdump_header_is(dump->fd))
		return kdump_pages_open(dump->fd, &dump->pages);
	if (km_elf_core_is(dump->fd))
		return km_elf_core_read(dump->fd, &dump->core);
	return km_errorf(KM_EDATA, "neither an ELF nor a kdump-compressed dump");
}

static km_error *other_pages(void)
{
	return km_errorf(KM_EDATA, "damaged, or a dump of another machine: its pages are not those "
				   "of x86");
}

/* Opens the file with libkdumpfile. */
static km_error *hand_over(struct dump *dump)
{
	kdump_num_t page = 0;

	dump->ctx = kdump_new();
	if (!dump->ctx)
		return km_errorf(KM_ENOMEM, "out of memory");
	/* a mapped file that is shorter than it says would end us with SIGBUS */
	kdump_set_number_attr(dump->ctx, KDUMP_ATTR_FILE_MMAP_POLICY, KDUMP_MMAP_NEVER);
	/*
	 * QEMU's kdump headers name no machine, and its ELF dumps name an i386 while CPU 0 is in
	 * real mode: the page tables will tell whether it was x86-64.
	 */
	if (kdump_open_fd(dump->ctx, dump->fd) != KDUMP_OK ||
	    kdump_set_string_attr(dump->ctx, KDUMP_ATTR_ARCH_NAME, "x86_64") != KDUMP_OK)
		return km_errorf(KM_EDATA, "%s", kdump_get_err(dump->ctx));
	/* VMCOREINFO's counts for libkdumpfile, which would read other pages than we looked at */
	kdump_get_number_attr(dump->ctx, KDUMP_ATTR_PAGE_SIZE, &page);
	return page == KM_PAGE_SIZE ? NULL : other_pages();
}

/*
 * Whatever is left in damaged headers that ends libkdumpfile, or keeps it busy for ever, ends a
 * child, not us: it opens and closes the file first.
 */
static bool survives(struct dump *dump)
{
	static const int ends[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
	const int alive = 42;
	pid_t child = fork();
	int status;

	if (!child) {
		const struct rlimit none = {0}, seconds = {30, 30};

		setrlimit(RLIMIT_CORE, &none);
		/* busy for so long, that is: the file may be slow */
		setrlimit(RLIMIT_CPU, &seconds);
		for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
			signal(ends[i], SIG_DFL);
		km_error_free(hand_over(dump));
		if (dump->ctx)
			kdump_free(dump->ctx);
		_exit(alive);
	}
	while (child > 0 && waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return true;
	}
	/* without a child there is nothing to be learnt */
	return child < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == alive);
}

/* Puts the pieces of a flattened dump in order, in another file, which takes its place. */
static km_error *put_in_order(struct dump *dump, const char *path)
{
	km_error *err = NULL;
	int plain;

	if (flattened_is(dump->fd)) {
		err = flattened_rearrange(dump->fd, path, &plain);
		if (!err) {
			close(dump->fd);
			dump->fd = plain;
		}
	}
	return err;
}

static km_error *not_opened(const char *path)
{
	if (strcmp(path, LIVE_FILE))
		return km_errorf(KM_EREAD, "%s: %s", path, strerror(errno));
	if (errno == ENOENT)
		return km_errorf(KM_EREAD, "the running kernel has no " LIVE_FILE);
	return km_errorf(KM_EREAD,
			 LIVE_FILE ": %s: this needs root, and a kernel that is not locked "
				   "down",
			 strerror(errno));
}

static km_error *open_format(struct dump *dump, const char *path)
{
	km_error *err = put_in_order(dump, path);
	char pages[32];

	if (!err)
		err = check_headers(dump);
	if (err)
		return err;
	dump->vmcoreinfo = km_dump_notes_vmcoreinfo(dump->fd);
	if (!dump->vmcoreinfo)
		return km_errorf(KM_EDATA,
				 "has no VMCOREINFO: it is no dump of Linux, or QEMU's machine "
				 "lacked -device vmcoreinfo");
	if (vmcoreinfo_line(dump->vmcoreinfo, "PAGESIZE", pages, sizeof(pages)) &&
	    strcmp(pages, "4096"))
		return other_pages();
	if (!survives(dump))
		return km_errorf(KM_EDATA, "damaged dump: libkdumpfile does not survive its "
					   "headers");
	err = hand_over(dump);
	return err ? err : km_address_space_init(&dump->kernel, &dump->target, dump->vmcoreinfo);
}

static km_error *open_file(struct dump *dump, const char *path)
{
	struct stat st;

	dump->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (dump->fd < 0)
		return not_opened(path);
	if (fstat(dump->fd, &st) || !S_ISREG(st.st_mode))
		return km_errorf(KM_EDATA, "%s: not a regular file", path);
	return km_error_context(open_format(dump, path), "%s", path);
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
	if (dump->ctx)
		kdump_free(dump->ctx);
	if (dump->fd >= 0)
		close(dump->fd);
	kdump_pages_close(dump->pages);
	km_elf_core_free(&dump->core);
	free(dump->vmcoreinfo);
	free(dump);
}

struct km_target *dump_target(struct dump *dump)
{
	return &dump->target;
}
