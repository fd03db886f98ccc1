// SPDX-License-Identifier: GPL-2.0-or-later
/* The tables of commands and options, and reading a command line by them. */
#include "cm.h"

#include "commands/command_line.h"
#include "commands/help.h"

#include <stdlib.h>
#include <string.h>

#define MAX_WORDS 16

struct parsed {
	struct km_command_line line;
	char *argv[MAX_WORDS];
	char text[256];
	km_error *err;
};

/* Reads the words of @text, separated by blanks. */
static void parse(struct parsed *p, enum km_front_end front_end, const char *text)
{
	char *save = NULL;
	int argc = 0;

	memset(p, 0, sizeof(*p));
	snprintf(p->text, sizeof(p->text), "%s", text);
	for (char *w = strtok_r(p->text, " ", &save); w && argc < MAX_WORDS;
	     w = strtok_r(NULL, " ", &save))
		p->argv[argc++] = w;
	p->err = km_command_line_parse(front_end, argc, p->argv, &p->line);
}

static void drop(struct parsed *p)
{
	km_error_free(p->err);
	km_command_line_deinit(&p->line);
}

static void check_error(enum km_front_end front_end, const char *text, const char *error)
{
	struct parsed p;

	parse(&p, front_end, text);
	assert_non_null(p.err);
	assert_int_equal(km_error_code(p.err), KM_EUSAGE);
	assert_string_equal(km_error_text(p.err), error);
	drop(&p);
}

#define LAST(array) (array)[sizeof(array) / sizeof((array)[0]) - 1]

/* Help prints them up to the first NULL. */
static void test_texts_of_a_command_end_with_null(void **state)
{
	const struct km_command *command;

	(void)state;
	for (size_t i = 0; (command = km_command_at(i)); i++) {
		assert_null(LAST(command->forms).words);
		assert_null(LAST(command->description));
		assert_null(LAST(command->terms).term);
	}
}

static void test_options_stand_anywhere(void **state)
{
	static const char *const lines[] = {"-j dump fault -a 1000 -e 6 0:0",
					    "dump fault 0:0 -a1000 -e6 -j",
					    "-a 0x1000 --json dump --error=6 fault 0:0",
					    "dump --address 1000 fault -je 6 -- 0:0"};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct parsed p;

		parse(&p, KM_IN_PROGRAM, lines[i]);
		assert_null(p.err);
		assert_int_equal(p.line.argc, 3);
		assert_string_equal(p.line.argv[0], "dump");
		assert_string_equal(p.line.argv[1], "fault");
		assert_string_equal(p.line.argv[2], "0:0");
		assert_true(p.line.options.format == KM_FORMAT_JSON && p.line.options.has_addr &&
			    p.line.options.has_error_code);
		assert_int_equal(p.line.options.addr, 0x1000);
		assert_int_equal(p.line.options.error_code, 6);
		assert_null(km_command_line_check(&p.line, km_command_named("fault")));
		drop(&p);
	}
}

static void test_two_dashes_end_the_options(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, KM_IN_PROGRAM, "pfec -- --help -j");
	assert_null(p.err);
	assert_int_equal(p.line.argc, 3);
	assert_string_equal(p.line.argv[1], "--help");
	assert_false(p.line.options.format == KM_FORMAT_JSON || p.line.options.help);
	drop(&p);
	parse(&p, KM_IN_PROGRAM, "");
	assert_null(p.err);
	assert_int_equal(p.line.argc, 0);
	drop(&p);
}

static void test_what_is_wrong_is_said(void **state)
{
	(void)state;
	check_error(KM_IN_PROGRAM, "vms --bad", "unknown or ambiguous option \"--bad\"");
	check_error(KM_IN_PROGRAM, "vms -jz", "unknown option \"-z\"");
	check_error(KM_IN_PROGRAM, "vms --json=1", "option \"--json=1\" does not take a value");
	check_error(KM_IN_PROGRAM, "walk -m", "option \"-m\" needs a value");
	check_error(KM_IN_PROGRAM, "walk -m mmu",
		    "--mmu \"mmu\" is not valid: use root_mmu or guest_mmu");
	check_error(KM_IN_PROGRAM, "fault -a xyz",
		    "address \"xyz\" is not a 64-bit hexadecimal number");
	check_error(KM_IN_PROGRAM, "walk -n 1Z",
		    "size \"1Z\" is not valid: use a hexadecimal number of bytes, a decimal number "
		    "and K, M, G or T, or \"all\"");
}

static void test_sizes(void **state)
{
	static const struct {
		const char *line;
		uint64_t bytes;
	} sizes[] = {
		{"-n 10", 16},		 {"-n 2M", 2 << 20},	   {"-n 0x200000", 2 << 20},
		{"-n 40G", 40ULL << 30}, {"-n all", KM_MAX_BYTES}, {"-n 131072T", KM_MAX_BYTES}};
	static const char *const bad[] = {"-n 0",
					  "-n M",
					  "-n 131073T",
					  "-n 0M",
					  "-n 1e20M",
					  "-n 99999999999999999G",
					  "-n 200000000000001"};
	struct parsed p;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		parse(&p, KM_IN_PROGRAM, sizes[i].line);
		assert_null(p.err);
		assert_int_equal(p.line.options.bytes, sizes[i].bytes);
		drop(&p);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		parse(&p, KM_IN_PROGRAM, bad[i]);
		assert_non_null(p.err);
		drop(&p);
	}
}

/* What a front end does not have is unknown there, not refused by a command. */
static void test_options_of_front_ends(void **state)
{
	struct parsed p;

	(void)state;
	check_error(KM_IN_CRASH, "explain --watch 3", "unknown or ambiguous option \"--watch\"");
	check_error(KM_IN_CRASH, "vms --color=always",
		    "unknown or ambiguous option \"--color=always\"");
	check_error(KM_IN_GDB, "vms --fail-on note", "unknown or ambiguous option \"--fail-on\"");
	parse(&p, KM_IN_GDB, "explain --watch 3");
	assert_null(p.err);
	assert_int_equal(p.line.options.watch, 3);
	drop(&p);
}

static void test_options_of_commands(void **state)
{
	struct parsed p;
	km_error *err;

	(void)state;
	parse(&p, KM_IN_PROGRAM, "vms --watch 3");
	assert_null(p.err);
	err = km_command_line_check(&p.line, km_command_named("vms"));
	assert_string_equal(km_error_text(err), "vms does not take --watch");
	km_error_free(err);
	assert_null(km_command_line_check(&p.line, km_command_named("explain")));
	drop(&p);
}

static bool is_option(const char *word, size_t len)
{
	return word[0] == '-' && len > 1;
}

/* Every word of a form is a known option, argument, or nothing else. */
static void test_words_of_forms_are_known(void **state)
{
	const struct km_command *command;

	(void)state;
	for (size_t i = 0; (command = km_command_at(i)); i++) {
		assert_true(command->purpose && command->description[0] && command->run);
		assert_true(strlen(command->purpose) <= 68);
		for (const struct km_form *form = command->forms; form->words; form++) {
			for (const char *w = form->words; *(w += strspn(w, " []|."));) {
				size_t len = strcspn(w, " []|.");

				assert_true(is_option(w, len) ? !!km_option_find(w, len)
							      : !!km_argument_find(w, len));
				w += len;
			}
		}
	}
}

/* No option that no command takes, none without a description of its value. */
static void test_options_are_taken(void **state)
{
	const struct km_option *o;
	const struct km_command *command;

	(void)state;
	for (size_t i = 0; (o = km_option_at(i)); i++) {
		bool taken = false;

		for (size_t j = 0; (command = km_command_at(j)); j++)
			taken |= km_command_takes(command, o);
		assert_true(taken);
		assert_true(i < 64);
		assert_true(!o->argument || km_argument_find(o->argument, strlen(o->argument)));
	}
}

static char *help_of(const char *name, enum km_front_end front_end)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (name)
		km_help_command(km_command_named(name), front_end, out);
	else
		km_help(front_end, out);
	fclose(out);
	return text;
}

/* Help names what the front end has, and nothing of the others. */
static void test_help_of_front_ends(void **state)
{
	static const struct {
		enum km_front_end front_end;
		const char *name, *has, *has_not;
	} cases[] = {
		{KM_IN_PROGRAM, "explain", "kvmmmu DUMP explain", "crash"},
		{KM_IN_CRASH, "explain", "usage: kvmmmu explain", "--watch"},
		{KM_IN_CRASH, "explain", "[--v1]", "gdb"},
		{KM_IN_GDB, "explain", "--watch N", "crash"},
		{KM_IN_GDB, NULL, "$_kvmmmu_spte", "crash"},
		{KM_IN_CRASH, NULL, "Commands:", "gdb"},
		{KM_IN_PROGRAM, NULL, "--fail-on", "gdb"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = help_of(cases[i].name, cases[i].front_end);

		assert_non_null(strstr(text, cases[i].has));
		assert_null(strstr(text, cases[i].has_not));
		free(text);
	}
}

static void test_completion(void **state)
{
	static const struct {
		const char *command, *before, *text;
	} cases[] = {
		{"walk", "-m", "root_mmu\nguest_mmu\n"},
		{"capture", "-o", "<file>\n"},
		{"capture", "--limit", ""},
		{"vms", "--types", "auto\nbtf\ndwarf\n"},
		{"pfec", "6",
		 "-j\n--json\n--format\n--width\n-k\n--debuginfo\n--types\n-h\n--help\n--as\n"},
		{"perms", NULL,
		 "-j\n--json\n--format\n--width\n-k\n--debuginfo\n--types\n-h\n--help\n<vm>\n<vcpu>"
		 "\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = NULL;
		size_t len;
		FILE *out = open_memstream(&text, &len);

		km_help_complete(km_command_named(cases[i].command), cases[i].before, KM_IN_GDB,
				 out);
		fclose(out);
		assert_string_equal(text, cases[i].text);
		free(text);
	}
}

/* crash prints each line through printf(). */
static void test_page_of_crash(void **state)
{
	char **page = km_help_page();
	size_t count = 0;

	(void)state;
	assert_non_null(page);
	assert_string_equal(page[0], "kvmmmu");
	for (; page[count]; count++) {
		assert_null(strpbrk(page[count], "%\n"));
		assert_true(strlen(page[count]) <= 80);
	}
	assert_true(count > 30);
	km_help_page_free(page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts_of_a_command_end_with_null),
		cmocka_unit_test(test_options_stand_anywhere),
		cmocka_unit_test(test_two_dashes_end_the_options),
		cmocka_unit_test(test_what_is_wrong_is_said),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_options_of_front_ends),
		cmocka_unit_test(test_options_of_commands),
		cmocka_unit_test(test_words_of_forms_are_known),
		cmocka_unit_test(test_options_are_taken),
		cmocka_unit_test(test_help_of_front_ends),
		cmocka_unit_test(test_completion),
		cmocka_unit_test(test_page_of_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
