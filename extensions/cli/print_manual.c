// SPDX-License-Identifier: GPL-2.0-or-later
#include "print.h"

#include "commands/help.h"
#include "commands/help_text.h"
#include "diagnose/catalogue.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define LINE_WIDTH 78

/* ---- text in mdoc ---- */

static bool ends_sentence(const char *word, size_t len)
{
	return len && strchr(".?!", word[len - 1]);
}

/* An option's "-" is a minus sign, so that it can be copied from the page. */
static void put_word(FILE *out, const char *word, size_t len, bool at_start)
{
	bool option = len > 1 && word[strspn(word, "(\"")] == '-';

	if (at_start && (*word == '.' || *word == '\''))
		fputs("\\&", out);
	for (size_t i = 0; i < len; i++) {
		if (word[i] == '\\')
			fputs("\\e", out);
		else if (word[i] == '-' && option)
			fputs("\\-", out);
		else
			fputc(word[i], out);
	}
}

/* Text lines: each sentence begins on a new line, as is usual in mdoc. */
static void put_text(FILE *out, const char *text)
{
	size_t column = 0, len;
	bool sentence_ends = false;

	for (; *text; text += len, text += strspn(text, " ")) {
		len = strcspn(text, " ");
		if (column && (sentence_ends || column + 1 + len > LINE_WIDTH)) {
			fputc('\n', out);
			column = 0;
		} else if (column) {
			fputc(' ', out);
		}
		put_word(out, text, len, !column);
		column += len + 1;
		sentence_ends = ends_sentence(text, len);
	}
	fputc('\n', out);
}

/* Words that are not a sentence in help texts: with a capital and a full stop. */
static void put_sentence(FILE *out, const char *text)
{
	char *sentence;

	if (asprintf(&sentence, "%c%s.", toupper((unsigned char)*text), text + 1) < 0)
		return;
	put_text(out, sentence);
	free(sentence);
}

static void put_paragraphs(FILE *out, const char *const *paragraphs)
{
	for (const char *const *p = paragraphs; *p; p++) {
		if (p != paragraphs)
			fputs(".Pp\n", out);
		put_text(out, *p);
	}
}

static void begin_list(FILE *out)
{
	fputs(".Bl -tag -width Ds\n", out);
}

static void end_list(FILE *out)
{
	fputs(".El\n", out);
}

static void put_terms(FILE *out, const char *macro, const struct km_term *terms)
{
	begin_list(out);
	for (; terms->term; terms++) {
		fprintf(out, ".It %s%s\n", macro, terms->term);
		put_text(out, terms->text);
	}
	end_list(out);
}

static void put_words_of_answer(FILE *out, const struct km_term *terms)
{
	if (!terms->term)
		return;
	fputs(".Pp\nTerms in the output:\n", out);
	begin_list(out);
	for (; terms->term; terms++) {
		fprintf(out, ".It %s\n", terms->term);
		put_sentence(out, terms->text);
	}
	end_list(out);
}

/* ---- forms and options as macros ---- */

/* One of "[", "]", "|", "-m", "--mmu", "MMU", "walk". */
static void put_token(FILE *out, const char *token, size_t len)
{
	if (*token == '[')
		fputs("Oo ", out);
	else if (*token == ']')
		fputs("Oc ", out);
	else if (*token == '|')
		fputs("| ", out);
	else if (*token == '-')
		fprintf(out, "Fl %.*s ", (int)len - 1, token + 1);
	else
		fprintf(out, isupper((unsigned char)*token) ? "Ar %.*s " : "Cm %.*s ", (int)len,
			token);
}

/* A form of a command on one macro line. */
static void put_form(FILE *out, const struct km_command *command, const struct km_form *form)
{
	char *text = NULL;
	size_t size, len;
	FILE *line = open_memstream(&text, &size);

	if (!line)
		return;
	km_help_form(command, form, KM_IN_PROGRAM, line);
	fclose(line);
	fputs(".Nm\n.", out);
	for (const char *at = text + strlen("kvmmmu"); *(at += strspn(at, " ")); at += len) {
		len = strcspn(at, " []|");
		len = len ? len : 1;
		put_token(out, at, len);
	}
	fputc('\n', out);
	free(text);
}

static void put_option(FILE *out, const struct km_option *o)
{
	char *text = NULL;
	size_t len;
	FILE *to_text = open_memstream(&text, &len);

	if (!to_text)
		return;
	km_help_option(o, to_text);
	fclose(to_text);
	fputs(".It", out);
	if (o->letter)
		fprintf(out, " Fl %c ,", o->letter);
	fprintf(out, " Fl \\-%s", o->name);
	if (o->argument)
		fprintf(out, o->optional ? " Ns Op = Ns Ar %s" : " Ar %s", o->argument);
	fputc('\n', out);
	put_sentence(out, text);
	free(text);
}

/* Those of @command, or with NULL those that all commands take. */
static void put_options(FILE *out, const struct km_command *command)
{
	const struct km_option *o;
	bool any = false;

	for (size_t i = 0; (o = km_option_at(i)); i++) {
		if (!km_option_is_shown(o, KM_IN_PROGRAM) || o->common == !!command ||
		    (command && !km_command_takes(command, o)))
			continue;
		if (!any)
			begin_list(out);
		any = true;
		put_option(out, o);
	}
	if (any)
		end_list(out);
}

/* ---- sections ---- */

static void put_synopsis(FILE *out)
{
	const struct km_command *command;

	fputs(".Sh SYNOPSIS\n"
	      ".Nm\n"
	      ".Op Ar OPTIONS\n"
	      ".Ar DUMP Ns | Ns Ar CAPSULE Ns | Ns Cm live\n"
	      ".Op Ar COMMAND Op Ar ARGUMENTS\n",
	      out);
	for (size_t i = 0; (command = km_command_at(i)); i++) {
		for (const struct km_form *form = command->forms; form->words; form++) {
			if (form->dump != KM_DUMP_FIRST)
				put_form(out, command, form);
		}
	}
	fputs(".Nm\n"
	      ".Op Ar COMMAND\n"
	      ".Fl -help\n",
	      out);
}

static void put_description(FILE *out)
{
	const struct km_argument *a;

	fputs(".Sh DESCRIPTION\n", out);
	put_paragraphs(out, km_about);
	fputs(".Pp\n", out);
	put_paragraphs(out, km_about_front_end[KM_IN_PROGRAM]);
	fputs(".Pp\n"
	      "The same commands exist in\n"
	      ".Xr crash 8 ,\n"
	      "with the extension\n"
	      ".Pa kvmmmu.so ,\n"
	      "and in\n"
	      ".Xr gdb 1 .\n"
	      ".Pp\n"
	      "Types come from the BTF in the dump, or from debuginfo whose build ID matches.\n"
	      "Symbols come from the dump itself.\n"
	      "The first line of every answer names the sources that were used.\n"
	      ".Ss Input\n",
	      out);
	put_terms(out, "", km_inputs);
	fputs(".Ss Arguments\n", out);
	begin_list(out);
	for (size_t i = 0; (a = km_argument_at(i)); i++) {
		if (!a->text || a->kind == KM_ARGUMENT_FILE)
			continue;
		fprintf(out, ".It Ar %s\n", a->name);
		put_sentence(out, a->text);
	}
	end_list(out);
}

static void put_commands(FILE *out)
{
	const struct km_command *command;

	fputs(".Sh COMMANDS\n", out);
	for (size_t i = 0; (command = km_command_at(i)); i++) {
		fprintf(out, ".Ss %s\n.Bd -ragged -offset indent -compact\n", command->name);
		for (const struct km_form *form = command->forms; form->words; form++) {
			if (form != command->forms)
				fputs(".br\n", out);
			put_form(out, command, form);
		}
		fprintf(out, ".Ed\n.Pp\n%s.\n.Pp\n", command->purpose);
		put_paragraphs(out, command->description);
		put_options(out, command);
		put_words_of_answer(out, command->terms);
	}
}

/* One part of the text about a finding; NULL: it has none. */
static void put_part(FILE *out, const char *title, const char *text)
{
	char *whole;

	if (!text || asprintf(&whole, "%s: %s", title, text) < 0)
		return;
	put_text(out, whole);
	free(whole);
}

static void put_finding(FILE *out, const struct km_finding_text *f)
{
	char cases[1024];

	fprintf(out, ".It Sy %s\n", f->id);
	put_text(out, f->means);
	put_part(out, "Next", f->advice);
	km_known_cases_spell(f, ~0u, cases, sizeof(cases));
	put_part(out, "Known cases", cases[0] ? cases : NULL);
}

static void put_findings(FILE *out)
{
	fputs(".Sh FINDINGS\n"
	      "The findings of\n"
	      ".Cm explain .\n"
	      "Causes are listed before their effects.\n",
	      out);
	begin_list(out);
	for (size_t i = 0; i < KM_DIAGNOSES; i++)
		put_finding(out, &km_finding_texts[i]);
	end_list(out);
}

static void put_examples(FILE *out)
{
	fputs(".Sh EXAMPLES\n", out);
	for (const struct km_example *e = km_examples; e->question; e++) {
		if (e != km_examples)
			fputs(".Pp\n", out);
		put_text(out, e->question);
		fprintf(out, ".Pp\n.Dl $ kvmmmu %s%s\n", e->needs_dump ? "vmcore " : "", e->words);
	}
	fputs(".Pp\n"
	      "Is any vCPU of this host likely to be stuck?\n"
	      ".Pp\n"
	      ".Dl $ kvmmmu --fail-on likely vmcore\n",
	      out);
}

void print_manual(FILE *out)
{
	fputs(".\\\" SPDX-License-Identifier: GPL-2.0-or-later\n"
	      ".\\\" Made by \"kvmmmu --print manual\".\n"
	      ".Dd " KM_DATE "\n"
	      ".Dt KVMMMU 8\n"
	      ".Os\n"
	      ".Sh NAME\n"
	      ".Nm kvmmmu\n"
	      ".Nd " KM_PURPOSE "\n",
	      out);
	put_synopsis(out);
	put_description(out);
	put_commands(out);
	fputs(".Sh OPTIONS\n"
	      "Every command takes:\n",
	      out);
	put_options(out, NULL);
	put_findings(out);
	fputs(".Sh ENVIRONMENT\n", out);
	put_terms(out, "Ev ", km_environment);
	fputs(".Sh FILES\n", out);
	put_terms(out, "Pa ", km_files);
	fputs(".Sh EXIT STATUS\n", out);
	put_terms(out, "", km_exit_codes);
	put_examples(out);
	fputs(".Sh SEE ALSO\n"
	      ".Xr gdb 1 ,\n"
	      ".Xr trace-cmd-report 1 ,\n"
	      ".Xr kvmmmu-json 5 ,\n"
	      ".Xr crash 8 ,\n"
	      ".Xr makedumpfile 8\n",
	      out);
}
