// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump.h"

#include "../kvmmmu/address_space.h"
#include "../kvmmmu/dump_notes.h"
#include "../kvmmmu/elf_core.h"
#include "../kvmmmu/image.h"
#include "../kvmmmu/kdump_header.h"
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
#include <sys/wait.h>
#include <unistd.h>

#define LIVE_FILE "/proc/kcore"

struct dump {
	struct km_target target;
	int fd;
	kdump_ctx_t *ctx;
	struct kdump_pages *pages; /* that a kdump-compressed file holds; else NULL */
	struct km_elf_core core;   /* that an ELF file holds; none: not looked at */
	char *vmcoreinfo;
	struct km_address_space kernel;
	struct km_image *image;
};

static struct dump *dump_of(struct km_target *target)
{
	return (struct dump *)target;
}

/*
 * Does an ELF file hold all of it? libkdumpfile reads what lies between segments as zeros.
 */
static km_error *core_holds(const struct km_elf_core *core, uint64_t pa, size_t len)
{
	uint64_t offset, run;

	for (size_t done = 0; core->load_count && done < len; done += run) {
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

static bool is_live(const struct dump *dump)
{
	return !strcmp(dump->target.name, LIVE_FILE);
}

/*
 * QEMU's kdump headers name no machine, and its ELF dumps name an i386 while CPU 0 is in real mode:
 * the page tables will tell whether it was x86-64.
 */
static kdump_status set_system(kdump_ctx_t *ctx)
{
	const char *arch;

	if (kdump_get_string_attr(ctx, KDUMP_ATTR_ARCH_NAME, &arch) == KDUMP_OK &&
	    strcmp(arch, "x86_64") && strcmp(arch, "ia32"))
		return KDUMP_ERR_NOTIMPL;
	return kdump_set_string_attr(ctx, KDUMP_ATTR_ARCH_NAME, "x86_64");
}

/* libkdumpfile 0.5.1 believes what headers, notes and page descriptors say: we look first. */
static km_error *check_headers(struct dump *dump)
{
	if (is_live(dump))
		return NULL;
	if (km_kdump_header_is(dump->fd))
		return kdump_pages_open(dump->fd, &dump->pages);
	if (km_elf_core_is(dump->fd))
		return km_elf_core_read(dump->fd, &dump->core);
	return NULL;
}

static void forget_headers(struct dump *dump)
{
	kdump_pages_close(dump->pages);
	dump->pages = NULL;
	km_elf_core_free(&dump->core);
}

/* Opens the file with libkdumpfile. */
static kdump_status hand_over(struct dump *dump)
{
	if (dump->ctx)
		kdump_free(dump->ctx);
	dump->ctx = kdump_new();
	if (!dump->ctx)
		return KDUMP_ERR_SYSTEM;
	/* a mapped file that is shorter than it says would end us with SIGBUS */
	kdump_set_number_attr(dump->ctx, KDUMP_ATTR_FILE_MMAP_POLICY, KDUMP_MMAP_NEVER);
	return kdump_open_fd(dump->ctx, dump->fd);
}

/*
 * Whatever is left in damaged headers that ends libkdumpfile ends a child, not us: it opens the
 * file first.
 */
static bool survives(struct dump *dump)
{
	static const int ends[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM};
	const int alive = 42;
	pid_t child = fork();
	int status;

	if (!child) {
		const struct rlimit none = {0};

		setrlimit(RLIMIT_CORE, &none);
		for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
			signal(ends[i], SIG_DFL);
		alarm(30);
		if (hand_over(dump) == KDUMP_OK)
			set_system(dump->ctx);
		_exit(alive);
	}
	while (child > 0 && waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return true;
	}
	/* without a child there is nothing to be learnt */
	return child < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == alive);
}

static km_error *open_format(struct dump *dump, kdump_status *status)
{
	km_error *err;

	*status = KDUMP_ERR_CORRUPT;
	forget_headers(dump);
	err = check_headers(dump);
	if (err)
		return err;
	if (!is_live(dump) && !survives(dump))
		return km_errorf(KM_EDATA, "damaged dump: libkdumpfile does not survive its "
					   "headers");
	*status = hand_over(dump);
	return *status == KDUMP_OK
		       ? NULL
		       : km_errorf(KM_EDATA, "%s",
				   dump->ctx ? kdump_get_err(dump->ctx) : "out of memory");
}

/* As libkdumpfile can; flattened dumps, if this version does not know them, in another file. */
static km_error *open_any_format(struct dump *dump, const char *path)
{
	kdump_status status = KDUMP_OK;
	km_error *err = open_format(dump, &status);
	int plain;

	if (status != KDUMP_ERR_NOTIMPL || !flattened_is(dump->fd))
		return err;
	km_error_free(err);
	err = flattened_rearrange(dump->fd, path, &plain);
	if (err)
		return err;
	close(dump->fd);
	dump->fd = plain;
	return open_format(dump, &status);
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

/* Only as Linux libkdumpfile looks for VMCOREINFO; of a file we read it ourselves. */
static char *read_vmcoreinfo(const struct dump *dump)
{
	char *text = NULL;

	if (!is_live(dump))
		return km_dump_notes_vmcoreinfo(dump->fd);
	if (kdump_set_string_attr(dump->ctx, KDUMP_ATTR_OSTYPE, "linux") != KDUMP_OK ||
	    kdump_vmcoreinfo_raw(dump->ctx, &text) != KDUMP_OK)
		return NULL;
	return text;
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
	if (set_system(dump->ctx) != KDUMP_OK)
		return km_errorf(KM_EDATA, "%s: no dump of Linux on x86-64 that can be read: %s",
				 path, kdump_get_err(dump->ctx));
	dump->vmcoreinfo = read_vmcoreinfo(dump);
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
	if (dump->ctx)
		kdump_free(dump->ctx);
	if (dump->fd >= 0)
		close(dump->fd);
	forget_headers(dump);
	free(dump->vmcoreinfo);
	free(dump);
}

struct km_target *dump_target(struct dump *dump)
{
	return &dump->target;
}
