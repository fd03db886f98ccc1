// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kvmmmu.so: the crash(8) command. It uses crash's functions, and no members of its structures,
 * whose offsets change between versions: one build works in crash 8 and 9.
 */
#include "commands/command.h"
#include "commands/help.h"
#include "commands/help_text.h"
#include "dump/dump_notes.h"
#include "dump/flattened.h"
#include "dump/image.h"

#include <crash/defs.h>

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>

static km_error *crash_read(uint64_t addr, int memtype, void *buf, size_t len)
{
	if (readmem(addr, memtype, buf, (long)len, "kvmmmu", RETURN_ON_ERROR | QUIET))
		return NULL;
	return km_errorf(KM_EREAD, "crash can't read %zu bytes at 0x%" PRIx64, len, addr);
}

static km_error *crash_read_phys(struct km_target *target, uint64_t pa, void *buf, size_t len)
{
	(void)target;
	return crash_read(pa, PHYSADDR, buf, len);
}

static km_error *crash_read_virt(struct km_target *target, uint64_t va, void *buf, size_t len)
{
	(void)target;
	return crash_read(va, KVADDR, buf, len);
}

static bool crash_symbol(struct km_target *target, const char *name, uint64_t *addr)
{
	char *symbol = (char *)name; /* crash does not change it */

	(void)target;
	if (!kernel_symbol_exists(symbol))
		return false;
	*addr = symbol_value(symbol);
	return true;
}

static bool crash_interrupted(struct km_target *target)
{
	(void)target;
	return received_SIGINT();
}

static struct km_image *image;

/* The kernel's own symbol table, found by crash's symbols. NULL: out of memory. */
static struct km_image *kernel_image(struct km_target *target)
{
	static const char *const names[] = {"kallsyms_names",	    "kallsyms_num_syms",
					    "kallsyms_token_table", "kallsyms_token_index",
					    "kallsyms_offsets",	    "kallsyms_relative_base"};
	char places[512] = "";
	size_t used = 0;
	uint64_t addr;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (crash_symbol(target, names[i], &addr))
			used += (size_t)snprintf(places + used, sizeof(places) - used,
						 "SYMBOL(%s)=%" PRIx64 "\n", names[i], addr);
	}
	return km_image_new(target, places);
}

/*
 * Find the symbol in the dump's own symbol table, not through crash. A function then has the same
 * name in all front ends.
 */
static bool crash_symbol_at(struct km_target *target, uint64_t addr, char *name, size_t size,
			    uint64_t *offset)
{
	if (!image)
		image = kernel_image(target);
	return image && km_image_symbol_at(image, addr, name, size, offset);
}

/* The dump, which crash holds open: looked for among its files, once. */
static struct {
	bool searched, found;
	struct km_file file;
	struct km_flattened *flattened;
} dump;

/* Return true if the file is a dump with registers of CPUs in its notes. */
static bool use_file(int fd)
{
	struct km_registers regs;
	km_error *err = NULL;

	if (!km_file_init(&dump.file, fd))
		return false;
	if (km_flattened_is(&dump.file))
		err = km_flattened_index(&dump.file, NULL, &dump.flattened);
	if (!err && km_dump_notes_registers(&dump.file, 0, &regs))
		return true;
	km_error_free(err);
	km_flattened_free(dump.flattened);
	dump.flattened = NULL;
	return false;
}

static void find_dump(void)
{
	DIR *files = opendir("/proc/self/fd");
	const struct dirent *entry;

	dump.searched = true;
	while (files && !dump.found && (entry = readdir(files))) {
		int fd = atoi(entry->d_name);

		dump.found = *entry->d_name != '.' && fd != dirfd(files) && use_file(fd);
	}
	if (files)
		closedir(files);
}

/* Read the registers from the notes of the dump; crash only prints them. */
static bool crash_registers(struct km_target *target, unsigned cpu, struct km_registers *regs)
{
	(void)target;
	if (!dump.searched)
		find_dump();
	return dump.found && km_dump_notes_registers(&dump.file, cpu, regs);
}

static const struct km_target_ops crash_ops = {
	.read_phys = crash_read_phys,
	.read_virt = crash_read_virt,
	.symbol = crash_symbol,
	.interrupted = crash_interrupted,
	.progress = km_progress_on_terminal,
	.symbol_at = crash_symbol_at,
	.registers = crash_registers,
};

static struct km_target target = {
	.ops = &crash_ops,
	.host = "crash",
	.name = "the dump in crash",
};

static struct km_session *session;
static char **help_page;

static void cmd_kvmmmu(void)
{
	if (argcnt < 2) {
		cmd_usage("kvmmmu", SYNOPSIS);
		return;
	}
	if (!session) {
		target.debug_dir = getenv("KVMMMU_DEBUGINFO");
		if (pc->dumpfile)
			target.name = pc->dumpfile;
		session = km_session_new(&target);
		if (session)
			km_session_set_answers(
				session, (struct km_answer_options){.front_end = KM_IN_CRASH});
	}
	if (session)
		km_session_run(session, argcnt - 1, args + 1, fp, fp);
	else
		fprintf(fp, "kvmmmu: out of memory\n");
}

static struct command_table_entry command_table[] = {
	{"kvmmmu", cmd_kvmmmu, NULL, 0},
	{NULL, NULL, NULL, 0},
};

void __attribute__((constructor)) kvmmmu_init(void)
{
	static char *no_help[] = {"kvmmmu", KM_PURPOSE, "COMMAND", NULL};

	help_page = km_help_page();
	command_table[0].help_data = help_page ? help_page : no_help;
	register_extension(command_table);
}

void __attribute__((destructor)) kvmmmu_fini(void)
{
	km_session_free(session);
	session = NULL;
	km_image_free(image);
	image = NULL;
	km_flattened_free(dump.flattened);
	dump.flattened = NULL;
	dump.searched = dump.found = false;
	km_help_page_free(help_page);
	help_page = NULL;
}
