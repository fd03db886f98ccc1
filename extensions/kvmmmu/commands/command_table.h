/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the commands are called, what they take, and their help. */
#ifndef KVMMMU_COMMAND_TABLE_H
#define KVMMMU_COMMAND_TABLE_H

#include "commands/command_context.h"

#define KM_REPORT_COLUMNS 76 /* mail programs leave such lines as they are */

/* Where the program, which opens dumps, expects one on the command line. */
enum km_dump_word {
	KM_DUMP_NONE,	  /* this form needs no dump */
	KM_DUMP_OPTIONAL, /* before the command, or not at all */
	KM_DUMP_FIRST,	  /* before the command */
	KM_DUMP_SECOND,	  /* after the command and another dump, for --before; program only */
};

/* One way to call a command. */
struct km_form {
	enum km_dump_word dump;
	const char *words; /* options and arguments, after the command's name; NULL: no such form */
};

struct km_term {
	const char *term, *text; /* NULL and NULL end an array */
};

/* An entry of commands.def. */
struct km_command {
	const char *name;
	km_command_fn *run;
	int min_args, max_args;
	bool needs_kernel;     /* false: it also runs without a dump */
	bool answer_to_output; /* -o names the file for the answer itself */
	bool many_dumps;       /* the program runs it for each FILE, and prints a line of JSON */
	unsigned width;	       /* columns of its text; 0: as wide as needed */
	const char *purpose;   /* one line that begins with a verb; no full stop */
	struct km_form forms[4];
	const char *description[8]; /* paragraphs; NULL ends them */
	struct km_term terms[6];
};

/* Does @front_end have the command? One for many dumps needs the program, which opens them. */
bool km_command_exists(const struct km_command *command, enum km_front_end front_end);

/* Command @index, NULL past the last. */
const struct km_command *km_command_at(size_t index);

/* Does it take two dumps after its name (KM_DUMP_SECOND)? */
bool km_command_takes_two(const struct km_command *command);

/* Does @front_end have this form? */
bool km_form_exists(const struct km_form *form, enum km_front_end front_end);

/* The command of this name, NULL if there is none. */
const struct km_command *km_command_named(const char *name);

/* What an argument may be, for completion. */
enum km_argument_kind {
	KM_ARGUMENT_OTHER,
	KM_ARGUMENT_FILE,
	KM_ARGUMENT_VM,
	KM_ARGUMENT_VCPU,
	KM_ARGUMENT_WORDS, /* one of a few words */
};

/* A word in capitals of a form, or the value of an option. */
struct km_argument {
	const char *name;
	const char *text; /* what it is; NULL: described by what takes it */
	enum km_argument_kind kind;
	const char *words; /* of KM_ARGUMENT_WORDS, with blanks between them; else NULL */
};

/* Argument @index, NULL past the last. */
const struct km_argument *km_argument_at(size_t index);

/* The argument that has the name @name, which is @len bytes long; NULL: there is none. */
const struct km_argument *km_argument_find(const char *name, size_t len);

/* Is @word one of @words, which are separated by blanks? */
bool km_words_have(const char *words, const char *word);

/* "a, b or c", cut to @size. Returns @text. */
char *km_words_text(const char *words, char *text, size_t size);

#define KM_WORDS_SIZE 512 /* enough for every struct km_argument */

#endif
