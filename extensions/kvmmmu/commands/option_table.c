// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/option_table.h"

#include "rules/exits.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MIN_WIDTH 40 /* columns; addresses need 18 */
#define MAX_WIDTH 1000

/* A decimal number with a unit: "512M". 0: it is not one, or too large. */
static uint64_t parse_units(const char *word, const char *unit, unsigned shift)
{
	char number[16];
	uint64_t count;

	if (unit - word >= (int)sizeof(number))
		return 0;
	snprintf(number, sizeof(number), "%.*s", (int)(unit - word), word);
	return km_parse_decimal(number, &count) && count <= KM_MAX_BYTES >> shift ? count << shift
										  : 0;
}

static uint64_t parse_size(const char *word)
{
	static const char units[] = "KMGT";
	size_t len = strlen(word);
	const char *unit = len ? strchr(units, word[len - 1]) : NULL;
	km_scoped_error *err = NULL;
	uint64_t bytes;

	if (!strcmp(word, "all"))
		return KM_MAX_BYTES;
	if (unit)
		return parse_units(word, word + len - 1, 10 * (unsigned)(unit - units + 1));
	err = km_parse_hex(word, "size", &bytes);
	return err || bytes > KM_MAX_BYTES ? 0 : bytes;
}

static km_error *use_format(struct km_command_options *o, enum km_format format)
{
	if (o->has_format && o->format != format)
		return km_errorf(KM_EUSAGE, "two formats for one answer: give -j or one --format");
	o->format = format;
	o->has_format = true;
	return NULL;
}

static km_error *set_json(struct km_command_options *o, const char *value)
{
	(void)value;
	return use_format(o, KM_FORMAT_JSON);
}

static km_error *set_format(struct km_command_options *o, const char *value)
{
	enum km_format format;

	if (!km_format_parse(value, &format))
		return km_errorf(KM_EUSAGE, "format \"%s\" is not known", value);
	return use_format(o, format);
}

static km_error *set_v1(struct km_command_options *o, const char *value)
{
	(void)value;
	o->v1 = true;
	return NULL;
}

static km_error *set_trace(struct km_command_options *o, const char *value)
{
	(void)value;
	o->trace = true;
	return NULL;
}

static km_error *set_watch(struct km_command_options *o, const char *value)
{
	if (km_parse_decimal(value, &o->watch) && o->watch >= 2 && o->watch <= 1000)
		return NULL;
	return km_errorf(KM_EUSAGE, "--watch \"%s\" is not a number from 2 to 1000", value);
}

static km_error *set_address(struct km_command_options *o, const char *value)
{
	o->has_addr = true;
	return km_parse_hex(value, "address", &o->addr);
}

static km_error *set_error_code(struct km_command_options *o, const char *value)
{
	km_error *err = km_parse_hex(value, "error code", &o->error_code);

	o->has_error_code = true;
	if (!err && km_is_interruption_info(o->error_code) && o->error_code & ~PFERR_KNOWN)
		return km_errorf(KM_EUSAGE,
				 "0x%" PRIx64 " is neither an error code nor an exit "
				 "qualification: it is IDT-vectoring or interruption info (see "
				 "kvmmmu error)",
				 o->error_code);
	return err;
}

static km_error *set_mmu(struct km_command_options *o, const char *value)
{
	o->mmu = value;
	return NULL;
}

static km_error *set_before(struct km_command_options *o, const char *value)
{
	o->before = value;
	return NULL;
}

static km_error *set_bytes(struct km_command_options *o, const char *value)
{
	o->bytes = parse_size(value);
	return o->bytes ? NULL
			: km_errorf(KM_EUSAGE,
				    "size \"%s\" is not valid: use a hexadecimal number of bytes, "
				    "a decimal number and K, M, G or T, or \"all\"",
				    value);
}

static km_error *set_gva(struct km_command_options *o, const char *value)
{
	(void)value;
	o->gva = true;
	return NULL;
}

static km_error *set_cr3(struct km_command_options *o, const char *value)
{
	o->has_cr3 = true;
	return km_parse_hex(value, "CR3", &o->cr3);
}

static km_error *set_debuginfo(struct km_command_options *o, const char *value)
{
	o->debug = value;
	return NULL;
}

static km_error *set_types(struct km_command_options *o, const char *value)
{
	o->types = !strcmp(value, "btf")     ? KM_TYPES_BTF
		   : !strcmp(value, "dwarf") ? KM_TYPES_DWARF
					     : KM_TYPES_AUTO;
	return NULL;
}

static km_error *set_level(struct km_command_options *o, const char *value)
{
	uint64_t level;

	if (!km_parse_decimal(value, &level) || level < 1 || level > 5)
		return km_errorf(KM_EUSAGE, "level \"%s\" is not a number from 1 to 5", value);
	o->level = (int)level;
	return NULL;
}

static km_error *set_as(struct km_command_options *o, const char *value)
{
	o->as = value;
	return NULL;
}

static km_error *set_output(struct km_command_options *o, const char *value)
{
	o->output = value;
	return NULL;
}

static km_error *set_force(struct km_command_options *o, const char *value)
{
	(void)value;
	o->force = true;
	return NULL;
}

static km_error *set_ascii(struct km_command_options *o, const char *value)
{
	(void)value;
	o->ascii = true;
	return NULL;
}

static km_error *set_width(struct km_command_options *o, const char *value)
{
	if (km_parse_decimal(value, &o->width) && o->width >= MIN_WIDTH && o->width <= MAX_WIDTH)
		return NULL;
	return km_errorf(KM_EUSAGE, "--width \"%s\" is not a number from %d to %d", value,
			 MIN_WIDTH, MAX_WIDTH);
}

static km_error *set_redact(struct km_command_options *o, const char *value)
{
	(void)value;
	o->redact = true;
	return NULL;
}

static km_error *set_list(struct km_command_options *o, const char *value)
{
	o->list = value;
	return NULL;
}

static km_error *set_names(struct km_command_options *o, const char *value)
{
	(void)value;
	o->names = true;
	return NULL;
}

static km_error *set_limit(struct km_command_options *o, const char *value)
{
	if (km_parse_decimal(value, &o->limit) && o->limit)
		return NULL;
	return km_errorf(KM_EUSAGE, "limit \"%s\" is not a number above 0", value);
}

static km_error *set_kind(struct km_command_options *o, const char *value)
{
	o->kinds = value;
	return NULL;
}

static km_error *set_state(struct km_command_options *o, const char *value)
{
	o->states = value;
	return NULL;
}

static km_error *set_time_limit(struct km_command_options *o, const char *value)
{
	if (km_parse_decimal(value, &o->time_limit) && o->time_limit)
		return NULL;
	return km_errorf(KM_EUSAGE, "--time-limit \"%s\" is not a number of seconds", value);
}

static km_error *set_memory_limit(struct km_command_options *o, const char *value)
{
	o->memory_limit = parse_size(value);
	return o->memory_limit ? NULL
			       : km_errorf(KM_EUSAGE, "--memory-limit \"%s\" is not a size", value);
}

static km_error *set_help(struct km_command_options *o, const char *value)
{
	(void)value;
	o->help = true;
	return NULL;
}

static km_error *set_color(struct km_command_options *o, const char *value)
{
	o->color = value ? value : "always";
	return NULL;
}

static km_error *set_fail_on(struct km_command_options *o, const char *value)
{
	o->fail = km_certainty_parse(value, &o->fail_on);
	return NULL;
}

static km_error *set_version(struct km_command_options *o, const char *value)
{
	(void)value;
	o->version = true;
	return NULL;
}

static km_error *set_no_cache(struct km_command_options *o, const char *value)
{
	(void)value;
	o->no_cache = true;
	return NULL;
}

static km_error *set_print(struct km_command_options *o, const char *value)
{
	o->print = value;
	return NULL;
}

#define PROGRAM	   (1u << KM_IN_PROGRAM)
#define NOT_CRASH  (1u << KM_IN_PROGRAM | 1u << KM_IN_GDB)
#define EVERYWHERE (1u << KM_IN_PROGRAM | 1u << KM_IN_CRASH | 1u << KM_IN_GDB)

static const struct km_option options[] = {
	{'j', "json", NULL, false, EVERYWHERE, true, set_json,
	 "print JSON, as described in kvmmmu-json(5)"},
	{0, "format", "MEDIUM", false, EVERYWHERE, true, set_format,
	 "print the answer in this format"},
	{0, "width", "N", false, EVERYWHERE, true, set_width,
	 "fit text into N columns. The default is the width of the terminal; without one, prose "
	 "has "
	 "80 columns, and tables are as wide as they need"},
	{'k', "debuginfo", "PATH", false, EVERYWHERE, true, set_debuginfo,
	 "debuginfo file or directory to search first; the default is $KVMMMU_DEBUGINFO"},
	{0, "types", "SOURCE", false, EVERYWHERE, true, set_types, "source of type information"},
	{'h', "help", NULL, false, EVERYWHERE, true, set_help,
	 "print help about all commands, or about COMMAND"},
	{0, "color", "WHEN", true, PROGRAM, true, set_color,
	 "when to use color. The default is auto: on a terminal, unless $NO_COLOR is set. Without "
	 "WHEN, always is used"},
	{0, "fail-on", "CERTAINTY", false, PROGRAM, true, set_fail_on,
	 "exit with code 1 if there is a finding that is at least this certain"},
	{0, "no-cache", NULL, false, PROGRAM, true, set_no_cache,
	 "do not use or write the cache (see FILES); also if $KVMMMU_NO_CACHE is set"},
	{0, "version", NULL, false, PROGRAM, true, set_version, "print the version"},
	{0, "print", "TEXT", false, PROGRAM, true, set_print, NULL},
	{'a', "address", "ADDRESS", false, EVERYWHERE, false, set_address,
	 "use this address instead of that of the fault that was found"},
	{'e', "error", "ERROR_CODE", false, EVERYWHERE, false, set_error_code,
	 "use this error code instead of that of the fault that was found"},
	{'m', "mmu", "MMU", false, EVERYWHERE, false, set_mmu,
	 "instead of the active one or, for audit, of all, use only this MMU context"},
	{'n', "bytes", "SIZE", false, EVERYWHERE, false, set_bytes, "walk SIZE bytes"},
	{0, "gva", NULL, false, EVERYWHERE, false, set_gva,
	 "ADDRESS is a linear address: walk the guest's page tables first"},
	{0, "cr3", "CR3", false, EVERYWHERE, false, set_cr3,
	 "use this CR3 instead of the guest's, for another process of it"},
	{'o', "output", "FILE", false, EVERYWHERE, false, set_output,
	 "write to FILE; - means standard output"},
	{0, "redact", NULL, false, EVERYWHERE, false, set_redact,
	 "replace what must not be disclosed, as described above"},
	{0, "ascii", NULL, false, EVERYWHERE, false, set_ascii,
	 "print '?' for each character that is not ASCII"},
	{0, "force", NULL, false, EVERYWHERE, false, set_force, "overwrite FILE if it exists"},
	{0, "list", "CAPSULE", false, EVERYWHERE, false, set_list, "list the contents of CAPSULE"},
	{0, "with-names", NULL, false, EVERYWHERE, false, set_names,
	 "include the names of processes; in a report, the command lines of VMMs"},
	{0, "limit", "N", false, EVERYWHERE, false, set_limit,
	 "walk, find: read at most N page-table pages; the default is 262144. capture: store at "
	 "most N, upper levels first; the default and maximum is 16384. audit: list at most N "
	 "anomalies of each kind; the default is 3"},
	{0, "kind", "KINDS", false, EVERYWHERE, false, set_kind,
	 "look only for these kinds of anomalies"},
	{0, "state", "STATES", false, EVERYWHERE, false, set_state,
	 "show only vCPUs in these states"},
	{0, "time-limit", "SECONDS", false, PROGRAM, false, set_time_limit,
	 "time to spend on one FILE"},
	{0, "memory-limit", "SIZE", false, PROGRAM, false, set_memory_limit,
	 "memory to use for one FILE"},
	{0, "v1", NULL, false, EVERYWHERE, false, set_v1,
	 "use spte_permission_fault() as it was first posted, before it masked the error code"},
	{0, "trace", NULL, false, EVERYWHERE, false, set_trace,
	 "print every step of KVM's handler for this fault"},
	{0, "watch", "N", false, NOT_CRASH, false, set_watch,
	 "take N samples of a live kernel, 0.1 s apart. This "
	 "proves a loop, or shows forward progress"},
	{0, "before", "EARLIER", false, EVERYWHERE, false, set_before,
	 "compare with another dump of the same boot"},
	{0, "level", "N", false, EVERYWHERE, false, set_level,
	 "level of the SPTE: 1 is 4K (the default), 2 is 2M, 3 is 1G"},
	{0, "as", "FORMAT", false, EVERYWHERE, false, set_as,
	 "use this SPTE format instead of the dump's. Without a kernel version, the format that "
	 "matches is used"},
};

#define OPTIONS (sizeof(options) / sizeof(options[0]))

_Static_assert(OPTIONS <= KM_MAX_OPTIONS, "km_command_line.given has a bit for each option");

const struct km_option *km_option_at(size_t index)
{
	return index < OPTIONS ? &options[index] : NULL;
}

const struct km_option *km_option_find(const char *word, size_t len)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		const struct km_option *o = &options[i];

		if (len == 2 && word[0] == '-' && word[1] == o->letter)
			return o;
		if (len == 2 + strlen(o->name) && !strncmp(word, "--", 2) &&
		    !strncmp(word + 2, o->name, len - 2))
			return o;
	}
	return NULL;
}

bool km_option_exists(const struct km_option *option, enum km_front_end front_end)
{
	return option->front_ends & 1u << front_end;
}

bool km_option_is_shown(const struct km_option *option, enum km_front_end front_end)
{
	return km_option_exists(option, front_end) && option->text;
}
