// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump.h"

#include "elf_loads.h"
#include "elf_symbols.h"
#include "flattened.h"
#include "kallsyms.h"
#include "vmcoreinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libkdumpfile/kdumpfile.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIVE_FILE	 "/proc/kcore"
#define START_KERNEL_MAP 0xffffffff80000000ULL
#define PAGE_PRESENT	 1ULL
#define PAGE_PSE	 0x80ULL
#define PHYSICAL_MASK	 0x000ffffffffff000ULL

struct dump {
	struct km_target target;
	int fd;
	kdump_ctx_t *ctx;
	kdump_bmp_t *pages;	/* that a kdump-compressed file holds, by pfn; else NULL */
	struct elf_loads loads; /* that an ELF file holds */
	char *vmcoreinfo;
	uint64_t pgd;	   /* physical address of init_top_pgt */
	uint64_t sme_mask; /* C bit, not part of an address */
	int levels;
	struct km_memory *tables; /* page-table pages, each read once */
	struct kallsyms *kallsyms;
	struct elf_symbols *vmlinux;
	bool vmlinux_tried;
};

static struct dump *dump_of(struct km_target *target)
{
	return (struct dump *)target;
}

/* Are all these pages in the file? libkdumpfile 0.5.1 errs on later pages once it met one that is
 * not. */
static bool holds(const struct dump *dump, uint64_t pa, size_t len)
{
	kdump_addr_t pfn = pa >> 12;

	if (dump->loads.list && !elf_loads_hold(&dump->loads, pa, len))
		return false;
	return !dump->pages || kdump_bmp_find_clear(dump->pages, &pfn) != KDUMP_OK ||
	       pfn > (pa + len - 1) >> 12;
}

static km_error *read_phys(struct km_target *target, uint64_t pa, void *buf, size_t len)
{
	struct dump *dump = dump_of(target);
	size_t done = len;
	kdump_status status;

	if (!holds(dump, pa, len))
		return km_errorf(KM_EREAD, "physical address 0x%" PRIx64 " is not in the dump", pa);
	status = kdump_read(dump->ctx, KDUMP_MACHPHYSADDR, pa, buf, &done);

	if (status != KDUMP_OK || done != len)
		return km_errorf(KM_EREAD, "physical address 0x%" PRIx64 ": %s", pa,
				 status == KDUMP_OK ? "short read" : kdump_get_err(dump->ctx));
	return NULL;
}

/* Walks the kernel's page tables; *@left is how many bytes follow on the same page. */
static km_error *translate(struct dump *dump, uint64_t va, uint64_t *pa, uint64_t *left)
{
	uint64_t table = dump->pgd, entry;

	for (int level = dump->levels; level >= 1; level--) {
		unsigned shift = 12 + 9 * (level - 1);
		uint64_t at = table + (va >> shift & 0x1ff) * 8, span = 1ULL << shift;
		km_error *err = km_read_phys(dump->tables, at, &entry, sizeof(entry));

		if (err)
			return km_error_context(err, "page table of 0x%" PRIx64, va);
		if (!(entry & PAGE_PRESENT))
			return km_errorf(KM_EREAD, "virtual address 0x%" PRIx64 " is not mapped",
					 va);
		entry &= ~dump->sme_mask;
		if (level == 1 || entry & PAGE_PSE) {
			*pa = (entry & PHYSICAL_MASK & ~(span - 1)) | (va & (span - 1));
			*left = span - (va & (span - 1));
			return NULL;
		}
		table = entry & PHYSICAL_MASK;
	}
	return km_errorf(KM_EREAD, "virtual address 0x%" PRIx64 " is not mapped", va);
}

static km_error *read_virt(struct km_target *target, uint64_t va, void *buf, size_t len)
{
	uint8_t *out = buf;

	while (len) {
		uint64_t pa = 0, left = 0;
		km_error *err = translate(dump_of(target), va, &pa, &left);

		if (!err) {
			left = left < len ? left : len;
			err = read_phys(target, pa, out, left);
		}
		if (err)
			return err;
		out += left;
		va += left;
		len -= left;
	}
	return NULL;
}

/* kallsyms first; data symbols are not in it without CONFIG_KALLSYMS_ALL: then vmlinux's own. */
static bool symbol(struct km_target *target, const char *name, uint64_t *addr)
{
	struct dump *dump = dump_of(target);
	char offset[32] = "0";
	km_error *err;

	if (dump->kallsyms && kallsyms_lookup(dump->kallsyms, name, addr))
		return true;
	if (!dump->vmlinux_tried) {
		char release[65] = "", id[64] = "";

		dump->vmlinux_tried = true;
		vmcoreinfo_line(dump->vmcoreinfo, "KERNELOFFSET", offset, sizeof(offset));
		vmcoreinfo_line(dump->vmcoreinfo, "OSRELEASE", release, sizeof(release));
		vmcoreinfo_line(dump->vmcoreinfo, "BUILD-ID", id, sizeof(id));
		err = elf_symbols_read(target->debug_dir, release, id, strtoull(offset, NULL, 16),
				       &dump->vmlinux);
		km_error_free(err);
	}
	return dump->vmlinux && elf_symbols_lookup(dump->vmlinux, name, addr);
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
	.progress = km_progress_on_terminal,
};

/*
 * QEMU's kdump headers name no machine, and its ELF dumps name an i386 while CPU 0 is in real mode:
 * the page tables will tell whether it was x86-64. Only as Linux libkdumpfile looks for VMCOREINFO.
 */
static kdump_status set_system(kdump_ctx_t *ctx)
{
	const char *arch;

	if (kdump_get_string_attr(ctx, KDUMP_ATTR_ARCH_NAME, &arch) == KDUMP_OK &&
	    strcmp(arch, "x86_64") && strcmp(arch, "ia32"))
		return KDUMP_ERR_NOTIMPL;
	if (kdump_set_string_attr(ctx, KDUMP_ATTR_ARCH_NAME, "x86_64") != KDUMP_OK)
		return KDUMP_ERR_NOTIMPL;
	return kdump_set_string_attr(ctx, KDUMP_ATTR_OSTYPE, "linux");
}

static km_error *open_format(struct dump *dump, kdump_status *status)
{
	km_error *err;

	if (dump->ctx)
		kdump_free(dump->ctx);
	dump->ctx = kdump_new();
	if (!dump->ctx)
		return km_errorf(KM_ENOMEM, "out of memory");
	/* a mapped file that is shorter than it says would end us with SIGBUS */
	kdump_set_number_attr(dump->ctx, KDUMP_ATTR_FILE_MMAP_POLICY, KDUMP_MMAP_NEVER);
	elf_loads_free(&dump->loads);
	err = strcmp(dump->target.name, LIVE_FILE) ? elf_loads_read(dump->fd, &dump->loads) : NULL;
	if (err) {
		*status = KDUMP_ERR_CORRUPT;
		return err;
	}
	*status = kdump_open_fd(dump->ctx, dump->fd);
	return *status == KDUMP_OK ? NULL : km_errorf(KM_EDATA, "%s", kdump_get_err(dump->ctx));
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

/* Which pages a kdump-compressed file holds. */
static void find_excluded_pages(struct dump *dump)
{
	kdump_attr_t pages = {.type = KDUMP_BITMAP};
	const char *format;

	if (kdump_get_string_attr(dump->ctx, KDUMP_ATTR_FILE_FORMAT, &format) == KDUMP_OK &&
	    !strcmp(format, "diskdump") &&
	    kdump_get_attr(dump->ctx, KDUMP_ATTR_FILE_PAGEMAP, &pages) == KDUMP_OK)
		dump->pages = pages.val.bitmap; /* lives with the context */
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
	find_excluded_pages(dump);
	if (kdump_vmcoreinfo_raw(dump->ctx, &dump->vmcoreinfo) != KDUMP_OK)
		return km_errorf(KM_EDATA,
				 "%s: has no VMCOREINFO: it is no dump of Linux, or QEMU's machine "
				 "lacked -device vmcoreinfo",
				 path);
	return NULL;
}

static km_error *find_page_tables(struct dump *dump, const char *path)
{
	uint64_t pgd, phys_base = 0, five = 0;

	if (!vmcoreinfo_symbol(dump->vmcoreinfo, "init_top_pgt", &pgd) &&
	    !vmcoreinfo_symbol(dump->vmcoreinfo, "swapper_pg_dir", &pgd))
		return km_errorf(KM_EDATA, "%s: VMCOREINFO does not tell where the page tables are",
				 path);
	vmcoreinfo_number(dump->vmcoreinfo, "phys_base", &phys_base);
	vmcoreinfo_number(dump->vmcoreinfo, "pgtable_l5_enabled", &five);
	vmcoreinfo_number(dump->vmcoreinfo, "sme_mask", &dump->sme_mask);
	dump->pgd = pgd - START_KERNEL_MAP + phys_base;
	dump->levels = five ? 5 : 4;
	return NULL;
}

km_error *dump_open(const char *path, const char *debug, struct dump **out)
{
	struct dump *dump = calloc(1, sizeof(*dump));
	struct km_memory *mem;
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
	err = open_file(dump, path);
	if (!err)
		err = find_page_tables(dump, path);
	if (!err && !(dump->tables = km_memory_new(&dump->target)))
		err = km_errorf(KM_ENOMEM, "out of memory");
	if (err) {
		dump_close(dump);
		return err;
	}
	mem = km_memory_new(&dump->target);
	if (mem) {
		/* without it, symbols come from vmlinux's file */
		km_error_free(kallsyms_read(mem, dump->vmcoreinfo, &dump->kallsyms));
		km_memory_free(mem);
	}
	signal(SIGINT, on_sigint);
	*out = dump;
	return NULL;
}

void dump_close(struct dump *dump)
{
	if (!dump)
		return;
	kallsyms_free(dump->kallsyms);
	elf_symbols_free(dump->vmlinux);
	km_memory_free(dump->tables);
	if (dump->ctx)
		kdump_free(dump->ctx);
	if (dump->fd >= 0)
		close(dump->fd);
	elf_loads_free(&dump->loads);
	free(dump->vmcoreinfo);
	free(dump);
}

struct km_target *dump_target(struct dump *dump)
{
	return &dump->target;
}
