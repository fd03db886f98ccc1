// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * gdb's side of the library: finds the kernel in what gdb can read, and runs the commands on it.
 * Python (kvmmmu.py) provides memory, symbols and registers, and has no part in the analysis.
 */
#include "libkvmmmu.h"

#include "base/printable.h"
#include "commands/command.h"
#include "commands/help.h"
#include "dump/image.h"
#include "dump/vmcoreinfo.h"
#include "core_file.h"
#include "dump/find_kernel.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_OFFSET_L4 0xffff888000000000ULL /* where there is no page_offset_base */

enum kernel_state { NOT_SOUGHT, SEEKING, FOUND, NOT_FOUND };

struct kvmmmu_gdb {
	struct km_target target;
	struct kvmmmu_callbacks callbacks;
	enum kvmmmu_access access;
	char *host, *name, *debug;
	struct km_session *session;
	bool interrupted;

	enum kernel_state state;
	km_error *trouble; /* NOT_FOUND: the reason */
	bool gdb_symbols;  /* gdb's symbols are proven to be this kernel's */
	struct core_file *core;
	struct km_address_space kernel; /* unless gdb reads kernel addresses itself */
	uint64_t anchor;		/* the table below 1 MB by which it was found */
	/* the same tables, for checking addresses of the direct map while the other is reading */
	struct km_address_space direct;
	char vmcoreinfo[KM_VMCOREINFO_MAX + 1];
	struct km_image *image;	   /* NULL: there is no VMCOREINFO */
	uint64_t page_offset;	   /* of the direct map */
	bool checks_memory;	   /* refuse physical addresses that the direct map lacks */
	uint64_t modules;	   /* address of the list of modules, or 0 */
	uint64_t first_modules[2]; /* its first words, which differ in another kernel */
	bool answered;		   /* a command has succeeded since the kernel was found */
};

static struct kvmmmu_gdb *gdb_of(struct km_target *target)
{
	return (struct kvmmmu_gdb *)target;
}

/* Did the callback succeed? Also notes Ctrl-C. */
static bool done(struct kvmmmu_gdb *g, int outcome)
{
	if (outcome == KVMMMU_INTERRUPTED || outcome == KVMMMU_ESCAPED)
		g->interrupted = true;
	return outcome == KVMMMU_DONE;
}

static km_error *interrupted_error(void)
{
	return km_errorf(KM_EINTR, "interrupted");
}

static km_error *gdb_read(struct kvmmmu_gdb *g, uint64_t addr, void *buf, size_t len)
{
	int outcome = KVMMMU_ESCAPED;

	if (!g->interrupted) {
		g->callbacks.read(addr, buf, len, &outcome);
		if (done(g, outcome))
			return NULL;
	}
	return g->interrupted
		       ? interrupted_error()
		       : km_errorf(KM_EREAD, "gdb can't read %zu bytes at 0x%" PRIx64, len, addr);
}

static bool gdb_symbol(struct kvmmmu_gdb *g, const char *name, uint64_t *addr)
{
	int outcome = KVMMMU_ESCAPED;

	if (g->interrupted)
		return false;
	g->callbacks.symbol(name, addr, &outcome);
	return done(g, outcome);
}

static void find_kernel(struct kvmmmu_gdb *g);

/*
 * Is this memory? Where there is none QEMU returns zeros, or reads a device, which may react to
 * that. The kernel's direct map contains only memory.
 */
static bool is_memory(struct kvmmmu_gdb *g, uint64_t pa, size_t len)
{
	uint64_t found, left;
	bool checks = g->checks_memory, ok = true;

	g->checks_memory = false; /* not for the tables of the direct map itself */
	for (uint64_t at = pa; ok && at < pa + len; at += left) {
		km_scoped_error *err =
			km_address_space_translate(&g->direct, g->page_offset + at, &found, &left);

		ok = !err && found == at;
	}
	g->checks_memory = checks;
	return ok;
}

static km_error *read_phys(struct km_target *target, uint64_t pa, void *buf, size_t len)
{
	struct kvmmmu_gdb *g = gdb_of(target);

	if (g->access == KVMMMU_CORE)
		return core_file_read(g->core, pa, buf, len);
	if (g->access == KVMMMU_VIRTUAL)
		return gdb_read(g, g->page_offset + pa, buf, len);
	if (g->checks_memory && !is_memory(g, pa, len))
		return km_errorf(KM_EREAD, "physical address 0x%" PRIx64 " is not memory", pa);
	return gdb_read(g, pa, buf, len);
}

static km_error *read_virt(struct km_target *target, uint64_t va, void *buf, size_t len)
{
	struct kvmmmu_gdb *g = gdb_of(target);

	if (g->access == KVMMMU_VIRTUAL)
		return gdb_read(g, va, buf, len);
	return km_address_space_read(&g->kernel, va, buf, len);
}

/* gdb's symbols if they fit, which is cheap and as complete as kallsyms; else kallsyms. */
static bool symbol(struct km_target *target, const char *name, uint64_t *addr)
{
	struct kvmmmu_gdb *g = gdb_of(target);

	if (g->state == NOT_SOUGHT)
		find_kernel(g);
	if (g->state == NOT_FOUND)
		return false;
	if (g->gdb_symbols)
		return gdb_symbol(g, name, addr);
	return g->image && km_image_symbol(g->image, name, addr);
}

static bool interrupted(struct km_target *target)
{
	struct kvmmmu_gdb *g = gdb_of(target);
	int outcome = KVMMMU_ESCAPED;

	if (!g->interrupted) {
		g->callbacks.poll(&outcome);
		done(g, outcome);
	}
	return g->interrupted;
}

/* kallsyms first: of two names at one address, gdb and the kernel choose different ones. */
static bool symbol_at(struct km_target *target, uint64_t addr, char *name, size_t size,
		      uint64_t *offset)
{
	struct kvmmmu_gdb *g = gdb_of(target);
	int outcome = KVMMMU_ESCAPED;

	if (g->image && km_image_symbol_at(g->image, addr, name, size, offset))
		return true;
	if (!g->gdb_symbols || g->interrupted)
		return false;
	g->callbacks.symbol_at(addr, name, size, offset, &outcome);
	return done(g, outcome);
}

static bool registers(struct km_target *target, unsigned cpu, struct km_registers *regs)
{
	struct kvmmmu_gdb *g = gdb_of(target);
	int outcome = KVMMMU_ESCAPED;

	if (g->interrupted)
		return false;
	g->callbacks.registers(cpu, &regs->rip, &regs->rsp, &regs->rbp, &outcome);
	return done(g, outcome);
}

static void forget_tables(struct kvmmmu_gdb *g)
{
	if (g->kernel.tables)
		km_memory_forget(g->kernel.tables);
	if (g->direct.tables)
		km_memory_forget(g->direct.tables);
}

static km_error *resume_for(struct km_target *target, unsigned milliseconds)
{
	struct kvmmmu_gdb *g = gdb_of(target);
	int outcome = KVMMMU_ESCAPED;
	char why[256] = "";

	if (g->interrupted)
		return interrupted_error();
	g->callbacks.resume_for(milliseconds, why, sizeof(why), &outcome);
	if (done(g, outcome))
		return NULL;
	return g->interrupted
		       ? interrupted_error()
		       : km_errorf(KM_EABSENT, "%s", *why ? why : "the target cannot be resumed");
}

static void forget(struct km_target *target)
{
	forget_tables(gdb_of(target));
}

/* For a core file. */
static const char *why_missing(struct km_target *target)
{
	const struct kvmmmu_gdb *g = gdb_of(target);

	return g->core && !target->moving ? km_dump_loss_text(core_file_loss(g->core)) : NULL;
}

static struct km_file *file(struct km_target *target)
{
	const struct kvmmmu_gdb *g = gdb_of(target);

	return g->core ? core_file_of(g->core) : NULL;
}

static const struct km_target_ops ops = {
	.read_phys = read_phys,
	.read_virt = read_virt,
	.symbol = symbol,
	.interrupted = interrupted,
	.symbol_at = symbol_at,
	.registers = registers,
	.resume_for = resume_for,
	.forget = forget,
	.progress = km_progress_on_terminal,
};

/* gdb cannot resume a core; what is in /proc/kcore runs by itself. */
static const struct km_target_ops core_ops = {
	.read_phys = read_phys,
	.read_virt = read_virt,
	.symbol = symbol,
	.interrupted = interrupted,
	.symbol_at = symbol_at,
	.registers = registers,
	.why_missing = why_missing,
	.file = file,
	.forget = forget,
	.progress = km_progress_on_terminal,
};

/* Are gdb's symbols those of this kernel, at the addresses that KASLR chose? */
static bool gdb_symbols_fit(struct kvmmmu_gdb *g)
{
	static const char prefix[] = "Linux version ";
	char head[sizeof(prefix) - 1];
	km_scoped_error *err = NULL;
	uint64_t addr;

	if (!gdb_symbol(g, "linux_banner", &addr))
		return false;
	err = read_virt(&g->target, addr, head, sizeof(head));
	return !err && !memcmp(head, prefix, sizeof(head));
}

/* VMCOREINFO by gdb's symbols, else by search. KM_EABSENT: not found; symbols may suffice. */
static km_error *get_vmcoreinfo(struct kvmmmu_gdb *g, uint64_t *image)
{
	uint64_t addr;
	km_scoped_error *err = NULL;

	*image = 0;
	if (g->gdb_symbols && gdb_symbol(g, "vmcoreinfo_data", &addr)) {
		err = km_read_vmcoreinfo(&g->target, addr, g->vmcoreinfo);
		if (!err)
			return NULL;
	}
	if (g->gdb_symbols) /* which suffice: a search would take long */
		return km_errorf(KM_EABSENT, "no VMCOREINFO");
	return km_find_vmcoreinfo(&g->target, g->vmcoreinfo, image);
}

/* Does gdb have a symbol of VMCOREINFO at the same address? If not: a wrong file, or offset. */
static bool symbols_agree(struct kvmmmu_gdb *g)
{
	uint64_t kernels, gdbs;

	return !km_vmcoreinfo_symbol(g->vmcoreinfo, "_stext", &kernels) ||
	       (gdb_symbol(g, "_stext", &gdbs) && gdbs == kernels);
}

/* The error for a kernel that has neither VMCOREINFO nor symbols. Frees @err. */
static km_error *undescribed(struct kvmmmu_gdb *g, uint64_t image, km_error *err)
{
	km_error *said;

	if (km_error_code(err) == KM_EINTR)
		return err;
	if (image)
		said = km_errorf(KM_EABSENT,
				 "%s, and gdb's symbols do not fit: load the kernel's symbols with "
				 "\"symbol-file -o OFFSET vmlinux\", where OFFSET is 0x%" PRIx64
				 " (the start of the image) minus _text in vmlinux",
				 km_error_text(err), image);
	else if (g->access == KVMMMU_VIRTUAL)
		said = km_errorf(
			KM_EABSENT,
			"%s in the address space of the selected CPU, and gdb's symbols do not "
			"fit: the CPU may be in a guest or in user space; resume it, and stop "
			"it in the kernel",
			km_error_text(err));
	else
		return err;
	km_error_free(err);
	return said;
}

/*
 * Do two top-level tables map the same kernel image, by their last entries? Memory may still hold
 * tables of another kernel, for instance of the one before a reset. KM_EDATA: they do not.
 */
static km_error *same_image(struct km_memory *phys, uint64_t one, uint64_t other)
{
	const uint64_t last = KM_PAGE_SIZE - sizeof(uint64_t);
	uint64_t entries[2];
	km_error *err = km_read_phys(phys, one + last, &entries[0], sizeof(uint64_t));

	if (!err)
		err = km_read_phys(phys, other + last, &entries[1], sizeof(uint64_t));
	if (!err && entries[0] != entries[1])
		err = km_errorf(KM_EDATA,
				"the page tables that were found belong to a different kernel");
	return err;
}

/* Changes to the kernel's own tables, found by VMCOREINFO or by gdb's symbols. */
static km_error *use_own_tables(struct kvmmmu_gdb *g)
{
	uint64_t pgd, where, phys_base = 0;
	struct km_address_space found = g->kernel;
	km_error *err = NULL;

	if (g->vmcoreinfo[0]) {
		err = km_address_space_init(&g->kernel, &g->target, g->vmcoreinfo);
	} else if ((gdb_symbol(g, "init_top_pgt", &pgd) || gdb_symbol(g, "swapper_pg_dir", &pgd)) &&
		   gdb_symbol(g, "phys_base", &where)) {
		err = read_virt(&g->target, where, &phys_base, sizeof(phys_base));
		if (!err)
			err = km_address_space_init_pgd(&g->kernel, &g->target,
							pgd - KM_START_KERNEL_MAP + phys_base,
							found.levels, found.address_mask);
	} else {
		return NULL;
	}
	if (err) {
		g->kernel = found;
		return err;
	}
	err = same_image(g->kernel.tables, g->kernel.pgd, found.pgd);
	km_address_space_deinit(&found);
	return err;
}

/* Tries to find the kernel through one top-level table. */
static km_error *try_tables(struct kvmmmu_gdb *g, uint64_t pgd, int levels)
{
	/* SME's C bit, if there is one, is above; its position is not known yet */
	const uint64_t below_c_bit = (UINT64_C(1) << 46) - 1;
	km_error *err = km_address_space_init_pgd(&g->kernel, &g->target, pgd, levels, below_c_bit);
	uint64_t image;

	if (err)
		return err;
	g->anchor = pgd;
	g->gdb_symbols = gdb_symbols_fit(g);
	err = get_vmcoreinfo(g, &image);
	if (err && g->gdb_symbols && km_error_code(err) == KM_EABSENT) {
		km_error_free(err);
		err = NULL;
	}
	err = err ? undescribed(g, image, err) : use_own_tables(g);
	if (err)
		km_address_space_deinit(&g->kernel);
	return err;
}

/* All CPUs may be in nested guests, and no register lead to the kernel: search low memory. */
static km_error *find_in_physical_memory(struct kvmmmu_gdb *g)
{
	struct km_memory *phys = km_memory_new(&g->target);
	km_error *err = phys ? NULL : km_errorf(KM_ENOMEM, "out of memory"), *best = NULL;
	uint64_t pa = KM_LOW_MEMORY;
	int levels;

	while (!err) {
		err = km_find_page_tables(phys, &pa, &levels);
		if (err)
			break;
		err = try_tables(g, pa, levels);
		if (!err || km_error_code(err) == KM_EINTR || km_error_code(err) == KM_ENOMEM)
			break;
		/* these may be tables that an earlier kernel left behind */
		km_error_free(best);
		best = err;
		err = NULL;
	}
	km_memory_free(phys);
	if (err && best && km_error_code(err) == KM_EABSENT) {
		km_error_free(err);
		return best;
	}
	km_error_free(best);
	return err;
}

static km_error *find_by_kernel_addresses(struct kvmmmu_gdb *g)
{
	uint64_t image;
	km_error *err;

	g->gdb_symbols = gdb_symbols_fit(g);
	err = get_vmcoreinfo(g, &image);
	if (err && !(g->gdb_symbols && km_error_code(err) == KM_EABSENT))
		return undescribed(g, image, err);
	km_error_free(err);
	return NULL;
}

static km_error *find_in_core(struct kvmmmu_gdb *g)
{
	char *info;
	km_error *err = core_file_open(g->name, &g->core);

	if (err)
		return err;
	info = core_file_vmcoreinfo(g->core);
	if (!info)
		return km_errorf(KM_EABSENT,
				 "%s: no VMCOREINFO: this is not a dump of Linux, or QEMU was "
				 "started without -device vmcoreinfo",
				 g->name);
	snprintf(g->vmcoreinfo, sizeof(g->vmcoreinfo), "%s", info);
	free(info);
	err = km_address_space_init(&g->kernel, &g->target, g->vmcoreinfo);
	if (!err)
		g->gdb_symbols = gdb_symbols_fit(g);
	return err;
}

/* Finds the direct map. Physical addresses are checked against it if it maps the page tables. */
static km_error *find_direct_map(struct kvmmmu_gdb *g)
{
	uint64_t where;
	km_error *err = NULL;

	g->page_offset = PAGE_OFFSET_L4;
	if (symbol(&g->target, "page_offset_base", &where))
		err = read_virt(&g->target, where, &g->page_offset, sizeof(g->page_offset));
	if (err || g->access != KVMMMU_PHYSICAL)
		return err;
	err = km_address_space_init_pgd(&g->direct, &g->target, g->kernel.pgd, g->kernel.levels,
					g->kernel.address_mask);
	g->checks_memory = !err && is_memory(g, g->kernel.pgd, KM_PAGE_SIZE);
	return err;
}

/* Remembers words that are different in another kernel. */
static void remember(struct kvmmmu_gdb *g)
{
	km_scoped_error *err = NULL;

	if (!symbol(&g->target, "modules", &g->modules)) {
		g->modules = 0;
		return;
	}
	err = read_virt(&g->target, g->modules, g->first_modules, sizeof(g->first_modules));
	if (err)
		g->modules = 0;
}

static void forget_kernel(struct kvmmmu_gdb *g)
{
	km_session_forget(g->session);
	km_image_free(g->image);
	g->image = NULL;
	km_address_space_deinit(&g->kernel);
	km_address_space_deinit(&g->direct);
	core_file_close(g->core);
	g->core = NULL;
	g->vmcoreinfo[0] = '\0';
	g->gdb_symbols = g->answered = g->checks_memory = false;
	km_error_free(g->trouble);
	g->trouble = NULL;
	g->state = NOT_SOUGHT;
}

/* The reason why there are no symbols, instead of only "no symbol linux_banner". */
static km_error *check_symbols(struct kvmmmu_gdb *g)
{
	uint64_t addr;
	const char *why;

	if (symbol(&g->target, "linux_banner", &addr) || g->interrupted)
		return NULL;
	why = g->image ? km_image_trouble(g->image) : NULL;
	return km_errorf(KM_EABSENT,
			 "no symbols: gdb's do not fit this kernel (\"symbol-file -o OFFSET "
			 "vmlinux\" loads them), and kallsyms in its memory cannot be used: %s",
			 why ? why : "no data symbols (CONFIG_KALLSYMS_ALL)");
}

/* Leaves g->state at FOUND, or at NOT_FOUND with g->trouble. */
static void find_kernel(struct kvmmmu_gdb *g)
{
	km_error *err;

	g->state = SEEKING;
	if (g->access == KVMMMU_CORE)
		err = find_in_core(g);
	else if (g->access == KVMMMU_PHYSICAL)
		err = find_in_physical_memory(g);
	else
		err = find_by_kernel_addresses(g);
	if (!err && g->gdb_symbols && g->vmcoreinfo[0])
		g->gdb_symbols = symbols_agree(g);
	if (!err && !g->image && g->vmcoreinfo[0] &&
	    !(g->image = km_image_new(&g->target, g->vmcoreinfo)))
		err = km_errorf(KM_ENOMEM, "out of memory");
	if (!err)
		err = check_symbols(g);
	if (!err)
		err = find_direct_map(g);
	if (!err && g->interrupted)
		err = interrupted_error();
	if (!err) {
		g->state = FOUND;
		remember(g);
		return;
	}
	forget_kernel(g);
	g->state = NOT_FOUND;
	g->trouble = err;
}

/* Are kernel and modules the same as at the last command? */
static bool same_kernel(struct kvmmmu_gdb *g)
{
	uint64_t words[2];
	km_scoped_error *err = NULL;

	if (g->access == KVMMMU_CORE && !g->target.moving)
		return true;
	forget_tables(g); /* /proc/kcore is a core file whose page tables change */
	if (g->access == KVMMMU_PHYSICAL)
		err = same_image(g->kernel.tables, g->kernel.pgd, g->anchor);
	if (err)
		return false;
	if (!g->modules)
		return gdb_symbols_fit(g);
	err = read_virt(&g->target, g->modules, words, sizeof(words));
	return !err && !memcmp(words, g->first_modules, sizeof(words));
}

static char *copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

struct kvmmmu_gdb *kvmmmu_open(const struct kvmmmu_callbacks *callbacks, enum kvmmmu_access access,
			       const char *host, const char *name, const char *debug)
{
	struct kvmmmu_gdb *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->callbacks = *callbacks;
	g->access = access;
	g->host = copy(host);
	g->name = copy(name);
	g->debug = copy(debug);
	g->target.ops = access == KVMMMU_CORE ? &core_ops : &ops;
	g->target.host = g->host;
	g->target.name = g->name;
	g->target.debug_dir = g->debug;
	g->session = km_session_new(access == KVMMMU_NO_TARGET ? NULL : &g->target);
	if (!g->host || !g->name || !g->session) {
		kvmmmu_close(g);
		return NULL;
	}
	km_session_set_answers(g->session, (struct km_answer_options){.front_end = KM_IN_GDB});
	return g;
}

void kvmmmu_close(struct kvmmmu_gdb *g)
{
	if (!g)
		return;
	if (g->session)
		forget_kernel(g);
	km_session_free(g->session);
	free(g->host);
	free(g->name);
	free(g->debug);
	free(g);
}

/* Replaces what was printed to *@out by one line of error. */
static void replace_errors(FILE **out, char **text, size_t *len, const char *why)
{
	fclose(*out);
	free(*text);
	*out = open_memstream(text, len);
	if (*out)
		km_print_error(why, *out);
}

int kvmmmu_run(struct kvmmmu_gdb *g, const char *moving, int argc, char **argv, char **out,
	       char **errors)
{
	size_t out_len, errors_len;
	FILE *answer = open_memstream(out, &out_len), *error = open_memstream(errors, &errors_len);
	int code = KM_EXIT_UNREADABLE;

	if (answer && error) {
		g->interrupted = false;
		g->target.moving = moving;
		if (g->state == NOT_FOUND || (g->state == FOUND && !same_kernel(g)))
			forget_kernel(g);
		code = km_session_run(g->session, argc, argv, answer, error);
		if (g->interrupted) {
			/* what has been found so far may be incomplete */
			g->answered ? km_session_forget(g->session) : forget_kernel(g);
			replace_errors(&error, errors, &errors_len, "interrupted");
			code = KM_EXIT_UNREADABLE;
		} else if (g->state == NOT_FOUND && code == KM_EXIT_UNREADABLE) {
			replace_errors(&error, errors, &errors_len, km_error_text(g->trouble));
		} else if (code == KM_EXIT_ANSWERED) {
			g->answered = true;
		}
		g->target.moving = NULL;
	}
	if (answer)
		fclose(answer);
	if (error)
		fclose(error);
	return code;
}

void kvmmmu_free(char *text)
{
	free(text);
}

char *kvmmmu_resume_for(struct kvmmmu_gdb *g, unsigned milliseconds)
{
	km_scoped_error *err = NULL;

	g->interrupted = false;
	err = resume_for(&g->target, milliseconds);
	return err ? strdup(km_error_text(err)) : NULL;
}

const char *kvmmmu_command(unsigned index)
{
	const struct km_command *command = km_command_at(index);

	/* those that gdb does not have are the last ones */
	return command && km_command_exists(command, KM_IN_GDB) ? command->name : NULL;
}

char *kvmmmu_help(const char *name)
{
	const struct km_command *command = name ? km_command_named(name) : NULL;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	if (command)
		km_help_command(command, KM_IN_GDB, out);
	else
		km_help(KM_IN_GDB, out);
	fclose(out);
	return text;
}

char *kvmmmu_complete(const char *name, const char *before)
{
	const struct km_command *command = km_command_named(name);
	char *text = NULL;
	size_t len;
	FILE *out = command ? open_memstream(&text, &len) : NULL;

	if (!out)
		return NULL;
	km_help_complete(command, before, KM_IN_GDB, out);
	fclose(out);
	return text;
}
