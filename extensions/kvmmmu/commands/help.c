// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/help.h"

#include "commands/command_forms.h"
#include "commands/help_text.h"

#include <stdlib.h>
#include <string.h>

#define TERM_COLUMN 2  /* where a term begins, and where its text does */
#define TEXT_COLUMN 24 /* unless the term is too long for that */

static unsigned width = KM_HELP_WIDTH; /* of the text that is being printed */

#define HARD_BLANK '\001' /* a blank at which no line is broken */

static void put_word(FILE *out, const char *word, int len)
{
	for (int i = 0; i < len; i++)
		fputc(word[i] == HARD_BLANK ? ' ' : word[i], out);
}

/* Prints @text from @column on; lines after the first begin at @indent. Ends the line. */
static void fill(FILE *out, int column, int indent, const char *text)
{
	bool first = true;

	while (*text) {
		int len = (int)strcspn(text, " ");

		if (!first && column + 1 + len > (int)width) {
			fprintf(out, "\n%*s", indent, "");
			column = indent;
		} else if (!first) {
			fputc(' ', out);
			column++;
		}
		put_word(out, text, len);
		column += len;
		text += len;
		text += strspn(text, " ");
		first = false;
	}
	fputc('\n', out);
}

static void put_term(FILE *out, const char *term, const char *text)
{
	int len = fprintf(out, "%*s%s", TERM_COLUMN, "", term);

	if (len + 2 > TEXT_COLUMN)
		fprintf(out, "\n%*s", TEXT_COLUMN, "");
	else
		fprintf(out, "%*s", TEXT_COLUMN - len, "");
	fill(out, TEXT_COLUMN, TEXT_COLUMN, text);
}

static void put_paragraphs(FILE *out, const char *const *paragraphs)
{
	for (; *paragraphs; paragraphs++) {
		fputc('\n', out);
		fill(out, 0, 0, *paragraphs);
	}
}

static void put_terms(FILE *out, const char *title, const struct km_term *terms)
{
	if (terms->term)
		fprintf(out, "\n%s:\n", title);
	for (; terms->term; terms++)
		put_term(out, terms->term, terms->text);
}

/* ---- forms ---- */

/* Length of the group in brackets at @words if it is an option that @front_end does not have. */
static size_t hidden_group(const char *words, enum km_front_end front_end)
{
	const struct km_option *option;
	size_t len = 0;
	int depth = 0;

	if (*words != '[' || words[1] != '-')
		return 0;
	option = km_option_find(words + 1, strcspn(words + 1, " ]"));
	if (!option || km_option_is_shown(option, front_end))
		return 0;
	do {
		depth += (words[len] == '[') - (words[len] == ']');
		len++;
	} while (depth && words[len]);
	return len + strspn(words + len, " ");
}

void km_help_form(const struct km_command *command, const struct km_form *form,
		  enum km_front_end front_end, FILE *out)
{
	static const char *const dumps[] = {
		[KM_DUMP_NONE] = "",
		[KM_DUMP_OPTIONAL] = "[DUMP] ",
		[KM_DUMP_FIRST] = "DUMP ",
		[KM_DUMP_SECOND] = "",
	};
	const char *words = form->words;

	fprintf(out, "kvmmmu %s%s %s", front_end == KM_IN_PROGRAM ? dumps[form->dump] : "",
		command->name, form->dump == KM_DUMP_SECOND ? "EARLIER DUMP " : "");
	while (*words) {
		size_t hidden = hidden_group(words, front_end);

		if (hidden)
			words += hidden;
		else
			fputc(*words++, out);
	}
}

/* "usage: " and the form, continued on more lines where it has to be. */
static void put_form(FILE *out, const char *before, const struct km_command *command,
		     const struct km_form *form, enum km_front_end front_end)
{
	char *text = NULL;
	size_t len;
	FILE *line = open_memstream(&text, &len);

	if (!line)
		return;
	km_help_form(command, form, front_end, line);
	fclose(line);
	/* an option and its value stay together */
	for (char *at = text; (at = strstr(at, "[-")); at++) {
		for (; *at && *at != ']'; at++) {
			if (*at == ' ')
				*at = HARD_BLANK;
		}
	}
	fputs(before, out);
	fill(out, (int)strlen(before), (int)strlen(before) + 8, text);
	free(text);
}

static void put_forms(FILE *out, const struct km_command *command, enum km_front_end front_end)
{
	for (const struct km_form *form = command->forms; form->words; form++) {
		if (km_form_exists(form, front_end))
			put_form(out, form == command->forms ? "usage: " : "       ", command, form,
				 front_end);
	}
}

/* ---- options and arguments ---- */

/* "-m, --mmu MMU". */
static void put_option_name(FILE *out, const struct km_option *o)
{
	if (o->letter)
		fprintf(out, "-%c, ", o->letter);
	else
		fputs("    ", out);
	fprintf(out,
		o->optional   ? "--%s[=%s]"
		: o->argument ? "--%s %s"
			      : "--%s",
		o->name, o->argument);
}

void km_help_option(const struct km_option *o, FILE *out)
{
	const struct km_argument *argument =
		o->argument ? km_argument_find(o->argument, strlen(o->argument)) : NULL;

	char words[KM_WORDS_SIZE];

	fputs(o->text, out);
	if (argument && argument->words)
		fprintf(out, " (%s)", km_words_text(argument->words, words, sizeof(words)));
}

static void put_option(FILE *out, const struct km_option *o)
{
	char *name = NULL, *text = NULL;
	size_t name_len, text_len;
	FILE *to_name = open_memstream(&name, &name_len);
	FILE *to_text = open_memstream(&text, &text_len);

	if (to_name && to_text) {
		put_option_name(to_name, o);
		km_help_option(o, to_text);
	}
	if (to_name)
		fclose(to_name);
	if (to_text)
		fclose(to_text);
	if (name && text)
		put_term(out, name, text);
	free(name);
	free(text);
}

/* Those of @command, or with NULL those that all commands take. */
static void put_options(FILE *out, const char *title, const struct km_command *command,
			enum km_front_end front_end)
{
	const struct km_option *o;
	bool any = false;

	for (size_t i = 0; (o = km_option_at(i)); i++) {
		if (!km_option_is_shown(o, front_end) || o->common == !!command ||
		    (command && !km_command_takes(command, o)))
			continue;
		if (!any)
			fprintf(out, "\n%s:\n", title);
		any = true;
		put_option(out, o);
	}
}

/* Those of @command, or with NULL those that several commands have in common. */
static void put_arguments(FILE *out, const struct km_command *command)
{
	const struct km_argument *a;
	bool any = false;

	for (size_t i = 0; (a = km_argument_at(i)); i++) {
		bool wanted = command ? km_command_has_word(command, a->name)
				      : a->kind == KM_ARGUMENT_VM || a->kind == KM_ARGUMENT_VCPU;

		if (!wanted || !a->text)
			continue;
		if (!any)
			fputs("\nArguments:\n", out);
		any = true;
		put_term(out, a->name, a->text);
	}
}

/* ---- whole texts ---- */

void km_help_set_width(unsigned columns)
{
	width = columns ? columns : KM_HELP_WIDTH;
}

void km_help_usage(FILE *out)
{
	const struct km_command *command;

	fputs("usage: kvmmmu [OPTIONS] DUMP|CAPSULE|live [COMMAND [ARGUMENTS]]\n", out);
	for (size_t i = 0; (command = km_command_at(i)); i++) {
		for (const struct km_form *form = command->forms; form->words; form++) {
			if (form->dump != KM_DUMP_FIRST)
				put_form(out, "       ", command, form, KM_IN_PROGRAM);
		}
	}
	fputs("       kvmmmu [COMMAND] --help\n", out);
}

static void put_command(FILE *out, const struct km_command *command)
{
	int column = fprintf(out, "  %-9s", command->name);

	fill(out, column, column, command->purpose);
}

static void put_commands(FILE *out, enum km_front_end front_end)
{
	const struct km_command *command;

	fputs("\nCommands:\n", out);
	for (size_t i = 0; (command = km_command_at(i)); i++) {
		if (km_command_exists(command, front_end))
			put_command(out, command);
	}
}

static void put_examples(FILE *out, enum km_front_end front_end)
{
	fputs("\nExamples:\n", out);
	for (const struct km_example *e = km_examples; e->question; e++) {
		fill(out, fprintf(out, "  "), 2, e->question);
		fprintf(out, "    kvmmmu %s%s\n",
			e->needs_dump && front_end == KM_IN_PROGRAM ? "vmcore " : "", e->words);
	}
}

/* The part that is the same in every front end: all but the first lines. */
static void put_body(FILE *out, enum km_front_end front_end)
{
	fill(out, 0, 0, km_about[0]);
	put_paragraphs(out, km_about + 1);
	put_paragraphs(out, km_about_front_end[front_end]);
	if (front_end != KM_IN_GDB) /* which lists its commands itself */
		put_commands(out, front_end);
	put_arguments(out, NULL);
	put_options(out, "Options of every command", NULL, front_end);
	fprintf(out, "\nCommands have more options and arguments: see \"%s\".\n",
		front_end == KM_IN_GDB ? "help kvmmmu COMMAND" : "kvmmmu COMMAND --help");
	if (front_end == KM_IN_PROGRAM) {
		put_terms(out, "Input", km_inputs);
		put_terms(out, "Exit codes", km_exit_codes);
	}
	put_examples(out, front_end);
}

void km_help(enum km_front_end front_end, FILE *out)
{
	if (front_end == KM_IN_PROGRAM) {
		fputs("kvmmmu: " KM_PURPOSE "\n\n", out);
		km_help_usage(out);
	} else {
		fputs("Find out " KM_PURPOSE ".\n", out);
	}
	fputc('\n', out);
	put_body(out, front_end);
}

void km_help_command(const struct km_command *command, enum km_front_end front_end, FILE *out)
{
	fprintf(out, "%s.\n\n", command->purpose);
	put_forms(out, command, front_end);
	put_paragraphs(out, command->description);
	put_arguments(out, command);
	put_options(out, "Options", command, front_end);
	put_terms(out, "Terms in the output", command->terms);
	fprintf(out, "\nOptions of every command: see \"%s\".\n",
		front_end == KM_IN_GDB ? "help kvmmmu" : "kvmmmu --help");
}

/* The lines of @text, which is freed, after the three that crash expects first. */
static char **split_lines(char *text)
{
	size_t count = 4;
	char **page;

	for (const char *at = text; *at; at++)
		count += *at == '\n';
	page = calloc(count + 1, sizeof(*page));
	if (!page) {
		free(text);
		return NULL;
	}
	page[0] = (char *)"kvmmmu";
	page[1] = (char *)KM_PURPOSE;
	page[2] = (char *)"COMMAND [options] [arguments]";
	page[3] = text;
	for (size_t i = 3; i + 1 < count; i++) {
		char *end = strchr(page[i], '\n');

		*end = '\0';
		page[i + 1] = end + 1;
	}
	page[count - 1] = NULL;
	return page;
}

char **km_help_page(void)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	put_body(out, KM_IN_CRASH);
	return fclose(out) ? NULL : split_lines(text);
}

void km_help_page_free(char **page)
{
	if (page)
		free(page[3]);
	free(page);
}

/* ---- errors ---- */

km_error *km_help_usage_error(const struct km_command *command, enum km_front_end front_end)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	km_error *err;

	for (const struct km_form *form = command->forms; out && form->words; form++) {
		if (!km_form_exists(form, front_end))
			continue;
		fputs(form == command->forms ? "" : ", or ", out);
		km_help_form(command, form, front_end, out);
	}
	if (!out || fclose(out))
		return km_errorf(KM_ENOMEM, "out of memory");
	err = km_errorf(KM_EUSAGE, "usage: %s", text);
	free(text);
	return err;
}

km_error *km_help_unknown_command(const char *name, enum km_front_end front_end)
{
	const char *help = front_end == KM_IN_PROGRAM ? "kvmmmu --help" : "help kvmmmu";

	if (!*name)
		return km_errorf(KM_EUSAGE, "no command given; see \"%s\"", help);
	return km_errorf(KM_EUSAGE, "unknown command \"%s\"; see \"%s\"", name, help);
}

/* ---- completion ---- */

static void complete_option(const struct km_option *o, FILE *out)
{
	if (o->letter)
		fprintf(out, "-%c\n", o->letter);
	fprintf(out, "--%s\n", o->name);
}

static void complete_argument(const struct km_argument *argument, FILE *out)
{
	static const char *const kinds[] = {
		[KM_ARGUMENT_OTHER] = "",    [KM_ARGUMENT_FILE] = "<file>\n",
		[KM_ARGUMENT_VM] = "<vm>\n", [KM_ARGUMENT_VCPU] = "<vcpu>\n",
		[KM_ARGUMENT_WORDS] = "",
	};
	const char *word = argument->words ? argument->words : "";

	fputs(kinds[argument->kind], out);
	for (; *word; word += strspn(word, " ")) {
		int len = (int)strcspn(word, " ");

		fprintf(out, "%.*s\n", len, word);
		word += len;
	}
}

void km_help_complete(const struct km_command *command, const char *before,
		      enum km_front_end front_end, FILE *out)
{
	const struct km_option *o = before ? km_option_find(before, strlen(before)) : NULL;
	const struct km_argument *a;

	if (o && o->argument && !o->optional) {
		complete_argument(km_argument_find(o->argument, strlen(o->argument)), out);
		return;
	}
	for (size_t i = 0; (o = km_option_at(i)); i++) {
		if (km_option_is_shown(o, front_end) && km_command_takes(command, o))
			complete_option(o, out);
	}
	for (size_t i = 0; (a = km_argument_at(i)); i++) {
		if (km_command_has_argument(command, a))
			complete_argument(a, out);
	}
}
