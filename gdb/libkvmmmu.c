// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * gdb's side of the library: finds the kernel in what gdb can read, and runs the commands on it.
 * Python (kvmmmu.py) lends memory, symbols and registers, and has no part in the analysis.
 */
#include "libkvmmmu.h"

#include "../extensions/cli/help.h"
#include "../extensions/kvmmmu/command.h"
#include "../extensions/kvmmmu/image.h"
#include "../extensions/kvmmmu/vmcoreinfo.h"
#include "core_file.h"
#include "find_kernel.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE_OFFSET_L4 0xffff888000000000ULL /* where there is no page_offset_base */

enum kernel_state { NOT_SOUGHT, SEEKING, FOUND, NOT_FOUND };

struct kvmmmu_gdb {
	struct km_target target;
	struct kvmmmu_lent lent;
	enum kvmmmu_way way;
	char *host, *name, *debug;
	struct km_session *session;
	bool interrupted;

	enum kernel_state state;
	km_error *trouble; /* NOT_FOUND: why */
	bool gdb_symbols;  /* gdb's symbols are proven to be this kernel's */
	struct core_file *core;
	struct km_address_space kernel; /* unless gdb reads kernel addresses itself */
	uint64_t anchor;		/* the table below 1 MB that led to it */
	/* the same again, for the direct map: one cache of tables is not asked while it reads */
	struct km_address_space direct;
	char vmcoreinfo[VMCOREINFO_MAX + 1];
	struct km_image *image;	   /* NULL: there is no VMCOREINFO */
	uint64_t page_offset;	   /* of the direct map */
	bool checks_memory;	   /* physical addresses have to be in the direct map */
	uint64_t modules;	   /* address of the list of modules, or 0 */
	uint64_t first_modules[2]; /* what was in it: another kernel has others */
	bool answered;		   /* a command has come to its end since the kernel was found */
};

static struct kvmmmu_gdb *gdb_of(struct km_target *target)
{
	return (struct kvmmmu_gdb *)target;
}

/* True if the lent function did what it was asked for; notes Ctrl-C. */
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

static km_error *lent_read(struct kvmmmu_gdb *g, uint64_t addr, void *buf, size_t len)
{
	int outcome = KVMMMU_ESCAPED;

	if (!g->interrupted) {
		g->lent.read(addr, buf, len, &outcome);
		if (done(g, outcome))
			return NULL;
	}
	return g->interrupted
		       ? interrupted_error()
		       : km_errorf(KM_EREAD, "gdb can't read %zu bytes at 0x%" PRIx64, len, addr);
}

static bool lent_symbol(struct kvmmmu_gdb *g, const char *name, uint64_t *addr)
{
	int outcome = KVMMMU_ESCAPED;

	if (g->interrupted)
		return false;
	g->lent.symbol(name, addr, &outcome);
	return done(g, outcome);
}

static void find_kernel(struct kvmmmu_gdb *g);

/*
 * Is this memory? QEMU reads zeros where there is nothing, and devices where there are some, which
 * may take it for a command. The kernel's direct map has memory alone.
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

	if (g->way == KVMMMU_CORE)
		return core_file_read(g->core, pa, buf, len);
	if (g->way == KVMMMU_VIRTUAL)
		return lent_read(g, g->page_offset + pa, buf, len);
	if (g->checks_memory && !is_memory(g, pa, len))
		return km_errorf(KM_EREAD, "physical address 0x%" PRIx64 " is no memory", pa);
	return lent_read(g, pa, buf, len);
}

static km_error *read_virt(struct km_target *target, uint64_t va, void *buf, size_t len)
{
	struct kvmmmu_gdb *g = gdb_of(target);

	if (g->way == KVMMMU_VIRTUAL)
		return lent_read(g, va, buf, len);
	return km_address_space_read(&g->kernel, va, buf, len);
}

/* gdb's, if they fit: they cost nothing, and vmlinux has all that kallsyms has; else kallsyms. */
static bool symbol(struct km_target *target, const char *name, uint64_t *addr)
{
	struct kvmmmu_gdb *g = gdb_of(target);

	if (g->state == NOT_SOUGHT)
		find_kernel(g);
	if (g->state == NOT_FOUND)
		return false;
	if (g->gdb_symbols)
		return lent_symbol(g, name, addr);
	return g->image && km_image_symbol(g->image, name, addr);
}

static bool interrupted(struct km_target *target)
{
	struct kvmmmu_gdb *g = gdb_of(target);
	int outcome = KVMMMU_ESCAPED;

	if (!g->interrupted) {
		g->lent.poll(&outcome);
		done(g, outcome);
	}
	return g->interrupted;
}

/* kallsyms first: where one place has two names, gdb takes the other one. */
static bool symbol_at(struct km_target *target, uint64_t addr, char *name, size_t size,
		      uint64_t *offset)
{
	struct kvmmmu_gdb *g = gdb_of(target);
	int outcome = KVMMMU_ESCAPED;

	if (g->image && km_image_symbol_at(g->image, addr, name, size, offset))
		return true;
	if (!g->gdb_symbols || g->interrupted)
		return false;
	g->lent.symbol_at(addr, name, size, offset, &outcome);
	return done(g, outcome);
}

static bool registers(struct km_target *target, unsigned cpu, struct km_registers *regs)
{
	struct kvmmmu_gdb *g = gdb_of(target);
	int outcome = KVMMMU_ESCAPED;

	if (g->interrupted)
		return false;
	g->lent.registers(cpu, &regs->rip, &regs->rsp, &regs->rbp, &outcome);
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
	if (g->way == KVMMMU_CORE && !target->moving)
		return km_errorf(KM_EABSENT, "a core can't run: compare with a second one");
	if (g->way == KVMMMU_CORE) /* /proc/kcore: it does so by itself */
		return usleep(milliseconds * 1000) ? interrupted_error() : NULL;
	g->lent.resume_for(milliseconds, why, sizeof(why), &outcome);
	forget_tables(g);
	if (done(g, outcome))
		return NULL;
	return g->interrupted ? interrupted_error() : km_errorf(KM_EABSENT, "%s", why);
}

static const struct km_target_ops ops = {
	.read_phys = read_phys,
	.read_virt = read_virt,
	.symbol = symbol,
	.interrupted = interrupted,
	.symbol_at = symbol_at,
	.registers = registers,
	.resume_for = resume_for,
	.progress = km_progress_on_terminal,
};

/* Are gdb's symbols this kernel's, moved by KASLR as it was? */
static bool gdb_symbols_fit(struct kvmmmu_gdb *g)
{
	static const char prefix[] = "Linux version ";
	char head[sizeof(prefix) - 1];
	km_scoped_error *err = NULL;
	uint64_t addr;

	if (!lent_symbol(g, "linux_banner", &addr))
		return false;
	err = read_virt(&g->target, addr, head, sizeof(head));
	return !err && !memcmp(head, prefix, sizeof(head));
}

/* VMCOREINFO by gdb's symbols, else by search. KM_EABSENT: there is none; the rest may do. */
static km_error *get_vmcoreinfo(struct kvmmmu_gdb *g, uint64_t *image)
{
	uint64_t addr;
	km_scoped_error *err = NULL;

	*image = 0;
	if (g->gdb_symbols && lent_symbol(g, "vmcoreinfo_data", &addr)) {
		err = read_vmcoreinfo(&g->target, addr, g->vmcoreinfo);
		if (!err)
			return NULL;
	}
	if (g->gdb_symbols) /* no need to search long: gdb's symbols do */
		return km_errorf(KM_EABSENT, "no VMCOREINFO");
	return find_vmcoreinfo(&g->target, g->vmcoreinfo, image);
}

/* VMCOREINFO names a symbol that is elsewhere in gdb's: another kernel's file, or a wrong offset.
 */
static bool symbols_agree(struct kvmmmu_gdb *g)
{
	uint64_t told, gdbs;

	return !vmcoreinfo_symbol(g->vmcoreinfo, "_stext", &told) ||
	       (lent_symbol(g, "_stext", &gdbs) && gdbs == told);
}

/* What is missing of a kernel whose image was seen, but neither VMCOREINFO nor symbols. */
static km_error *undescribed(struct kvmmmu_gdb *g, uint64_t image, km_error *err)
{
	km_error *said;

	if (km_error_code(err) == KM_EINTR)
		return err;
	if (image)
		said = km_errorf(KM_EABSENT,
				 "%s, and gdb has no symbols that fit: load the kernel's, with "
				 "symbol-file -o OFFSET vmlinux (OFFSET: 0x%" PRIx64
				 ", where the image begins, minus vmlinux's _text)",
				 km_error_text(err), image);
	else if (g->way == KVMMMU_VIRTUAL)
		said = km_errorf(
			KM_EABSENT,
			"%s where the selected CPU is, and gdb's symbols fit nothing there: "
			"maybe it is in a guest or in user space; let it run and stop it in "
			"the kernel",
			km_error_text(err));
	else
		return err;
	km_error_free(err);
	return said;
}

/*
 * Do both tables, each of a top level, map the same kernel image, by their last entry? Of another
 * kernel there may be remains: of the one before a reset, for instance.
 */
static km_error *same_image(struct km_memory *phys, uint64_t one, uint64_t other)
{
	const uint64_t last = KM_PAGE_SIZE - sizeof(uint64_t);
	uint64_t entries[2];
	km_error *err = km_read_phys(phys, one + last, &entries[0], sizeof(uint64_t));

	if (!err)
		err = km_read_phys(phys, other + last, &entries[1], sizeof(uint64_t));
	if (!err && entries[0] != entries[1])
		err = km_errorf(KM_EDATA, "what was found to describe the kernel is another one's");
	return err;
}

/* The kernel's own tables, by VMCOREINFO or by gdb's symbols; what was used so far need not be. */
static km_error *use_own_tables(struct kvmmmu_gdb *g)
{
	uint64_t pgd, where, phys_base = 0;
	struct km_address_space found = g->kernel;
	km_error *err = NULL;

	if (g->vmcoreinfo[0]) {
		err = km_address_space_init(&g->kernel, &g->target, g->vmcoreinfo);
	} else if ((lent_symbol(g, "init_top_pgt", &pgd) ||
		    lent_symbol(g, "swapper_pg_dir", &pgd)) &&
		   lent_symbol(g, "phys_base", &where)) {
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

/* The kernel behind one top-level table. */
static km_error *try_tables(struct kvmmmu_gdb *g, uint64_t pgd, int levels)
{
	/* SME's C bit is one of those above, if there is one: it is not known yet */
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

/* Every CPU may be in a nested guest, so no register leads to the kernel; its low memory does. */
static km_error *find_in_physical_memory(struct kvmmmu_gdb *g)
{
	struct km_memory *phys = km_memory_new(&g->target);
	km_error *err = phys ? NULL : km_errorf(KM_ENOMEM, "out of memory"), *best = NULL;
	uint64_t pa = LOW_MEMORY;
	int levels;

	while (!err) {
		err = find_page_tables(phys, &pa, &levels);
		if (err)
			break;
		err = try_tables(g, pa, levels);
		if (!err || km_error_code(err) == KM_EINTR || km_error_code(err) == KM_ENOMEM)
			break;
		/* tables that a kernel before this one left behind, maybe */
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
				 "%s: has no VMCOREINFO: it is no dump of Linux, or QEMU's machine "
				 "lacked -device vmcoreinfo",
				 g->name);
	snprintf(g->vmcoreinfo, sizeof(g->vmcoreinfo), "%s", info);
	free(info);
	err = km_address_space_init(&g->kernel, &g->target, g->vmcoreinfo);
	if (!err)
		g->gdb_symbols = gdb_symbols_fit(g);
	return err;
}

/* Where the direct map is; physical addresses are checked by it, if it maps the tables it is in. */
static km_error *find_direct_map(struct kvmmmu_gdb *g)
{
	uint64_t where;
	km_error *err = NULL;

	g->page_offset = PAGE_OFFSET_L4;
	if (symbol(&g->target, "page_offset_base", &where))
		err = read_virt(&g->target, where, &g->page_offset, sizeof(g->page_offset));
	if (err || g->way != KVMMMU_PHYSICAL)
		return err;
	err = km_address_space_init_pgd(&g->direct, &g->target, g->kernel.pgd, g->kernel.levels,
					g->kernel.address_mask);
	g->checks_memory = !err && is_memory(g, g->kernel.pgd, KM_PAGE_SIZE);
	return err;
}

/* Remembers what another kernel would have otherwise. */
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

/* Also sees to it that "no symbol linux_banner" is not all that is said of a missing kallsyms. */
static km_error *check_symbols(struct kvmmmu_gdb *g)
{
	uint64_t addr;
	const char *why;

	if (symbol(&g->target, "linux_banner", &addr) || g->interrupted)
		return NULL;
	why = g->image ? km_image_trouble(g->image) : NULL;
	return km_errorf(KM_EABSENT,
			 "no symbols: gdb has none that fit this kernel (symbol-file -o OFFSET "
			 "vmlinux), and kallsyms in its memory: %s",
			 why ? why : "no data symbols (CONFIG_KALLSYMS_ALL)");
}

/* FOUND, or NOT_FOUND and g->trouble. */
static void find_kernel(struct kvmmmu_gdb *g)
{
	km_error *err;

	g->state = SEEKING;
	if (g->way == KVMMMU_CORE)
		err = find_in_core(g);
	else if (g->way == KVMMMU_PHYSICAL)
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

/* Is it the kernel, and are they the modules, that were there at the last command? */
static bool same_kernel(struct kvmmmu_gdb *g)
{
	uint64_t words[2];
	km_scoped_error *err = NULL;

	if (g->way == KVMMMU_CORE)
		return true;
	forget_tables(g);
	if (g->way == KVMMMU_PHYSICAL)
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

struct kvmmmu_gdb *kvmmmu_open(const struct kvmmmu_lent *lent, enum kvmmmu_way way,
			       const char *host, const char *name, const char *debug)
{
	struct kvmmmu_gdb *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->lent = *lent;
	g->way = way;
	g->host = copy(host);
	g->name = copy(name);
	g->debug = copy(debug);
	g->target.ops = &ops;
	g->target.host = g->host;
	g->target.name = g->name;
	g->target.debug_dir = g->debug;
	g->session = km_session_new(way == KVMMMU_NO_TARGET ? NULL : &g->target);
	if (!g->host || !g->name || !g->session) {
		kvmmmu_close(g);
		return NULL;
	}
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

/* One line of error in place of all that was said. */
static void say_instead(FILE **out, char **text, size_t *len, const char *why)
{
	fclose(*out);
	free(*text);
	*out = open_memstream(text, len);
	if (*out)
		fprintf(*out, "kvmmmu: %s\n", why);
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
			/* what was found on the way may be half */
			g->answered ? km_session_forget(g->session) : forget_kernel(g);
			say_instead(&error, errors, &errors_len, "interrupted");
			code = KM_EXIT_UNREADABLE;
		} else if (g->state == NOT_FOUND && code == KM_EXIT_UNREADABLE) {
			say_instead(&error, errors, &errors_len, km_error_text(g->trouble));
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
	return km_command_name(index);
}

char *kvmmmu_help(const char *command)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	if (command)
		help_topic(command, "", out);
	else
		help_commands(out);
	fclose(out);
	return text;
}
