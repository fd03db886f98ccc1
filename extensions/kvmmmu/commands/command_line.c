// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/command_line.h"

#include "commands/spte_format.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What getopt_long() returns for options[0]; above all letters. */
#define FIRST_LONG 256

/* The options of a front end as getopt_long() takes them. */
struct getopt_table {
	char letters[2 + 2 * KM_MAX_OPTIONS + 1];
	struct option names[KM_MAX_OPTIONS + 1];
};

static void fill_table(enum km_front_end front_end, struct getopt_table *table)
{
	/* '-': other words are returned, too, in their order; ':': a missing value is */
	char *letter = stpcpy(table->letters, "-:");
	size_t count = 0;
	const struct km_option *o;

	for (size_t i = 0; (o = km_option_at(i)); i++) {
		if (!km_option_exists(o, front_end))
			continue;
		if (o->letter) {
			*letter++ = o->letter;
			if (o->argument)
				*letter++ = ':';
		}
		table->names[count++] =
			(struct option){.name = o->name,
					.has_arg = !o->argument	 ? no_argument
						   : o->optional ? optional_argument
								 : required_argument,
					.val = FIRST_LONG + (int)i};
	}
	*letter = '\0';
	table->names[count] = (struct option){0};
}

static size_t index_of(int c)
{
	size_t i = 0;

	if (c >= FIRST_LONG)
		return (size_t)(c - FIRST_LONG);
	while (km_option_at(i)->letter != c)
		i++;
	return i;
}

static km_error *check_words(const struct km_option *option, const char *value)
{
	const struct km_argument *argument =
		km_argument_find(option->argument, strlen(option->argument));
	char words[KM_WORDS_SIZE];

	if (argument->kind != KM_ARGUMENT_WORDS || km_words_have(argument->words, value))
		return NULL;
	/* error also accepts the kinds of numbers; the other commands reject these themselves */
	if (!strcmp(option->name, "as") && km_words_have(KM_READING_WORDS, value))
		return NULL;
	return km_errorf(KM_EUSAGE, "--%s \"%s\" is not valid: use %s", option->name, value,
			 km_words_text(argument->words, words, sizeof(words)));
}

static km_error *set_option(struct km_command_line *line, size_t index, const char *value)
{
	const struct km_option *option = km_option_at(index);
	km_error *err = value ? check_words(option, value) : NULL;

	/* which of two values is meant is not known */
	if (!err && value && line->given >> index & 1)
		err = km_errorf(KM_EUSAGE, "option \"--%s\" is given twice", option->name);
	line->given |= UINT64_C(1) << index;
	return err ? err : option->set(&line->options, value);
}

/* What is wrong with @word, for which getopt_long() returned @c. */
static km_error *bad_option(int c, const char *word)
{
	if (c == ':')
		return km_errorf(KM_EUSAGE, "option \"%s\" needs a value", word);
	if (strncmp(word, "--", 2)) /* perhaps one letter of several */
		return km_errorf(KM_EUSAGE, "unknown option \"-%c\"", optopt);
	if (optopt)
		return km_errorf(KM_EUSAGE, "option \"%s\" does not take a value", word);
	return km_errorf(KM_EUSAGE, "unknown or ambiguous option \"%s\"", word);
}

static km_error *read_words(const struct getopt_table *table, int argc, char **words,
			    struct km_command_line *line)
{
	km_error *err = NULL;
	int c;

	optind = 0; /* starts glibc's getopt anew */
	opterr = 0;
	while (!err && (c = getopt_long(argc, words, table->letters, table->names, NULL)) != -1) {
		if (c == 1)
			line->argv[line->argc++] = optarg;
		else if (c == '?' || c == ':')
			err = bad_option(c, words[optind > 1 ? optind - 1 : 1]);
		else
			err = set_option(line, index_of(c), optarg);
	}
	for (int i = optind; !err && i < argc; i++) /* after "--" */
		line->argv[line->argc++] = words[i];
	return err;
}

/* "help" and "help COMMAND" are --help, as in other programs. */
static void take_help(struct km_command_line *line)
{
	if (!line->argc || strcmp(line->argv[0], "help"))
		return;
	line->options.help = true;
	line->argv++;
	line->argc--;
}

km_error *km_command_line_parse(enum km_front_end front_end, int argc, char **argv,
				struct km_command_line *line)
{
	struct getopt_table table;
	char **words;
	km_error *err;

	*line = (struct km_command_line){.words = calloc(2 * ((size_t)argc + 2), sizeof(*words))};
	if (!line->words)
		return km_errorf(KM_ENOMEM, "out of memory");
	/* getopt_long() skips the first, and expects a NULL after the last */
	words = line->words + argc + 2;
	words[0] = (char *)"kvmmmu";
	memcpy(words + 1, argv, (size_t)argc * sizeof(*words));
	line->argv = line->words;
	fill_table(front_end, &table);
	err = read_words(&table, argc + 1, words, line);
	if (!err)
		take_help(line);
	return err;
}

void km_command_line_deinit(struct km_command_line *line)
{
	free(line->words);
	line->words = NULL;
}

km_error *km_command_line_check(const struct km_command_line *line,
				const struct km_command *command)
{
	const struct km_option *o;

	for (size_t i = 0; (o = km_option_at(i)); i++) {
		if (line->given >> i & 1 && !km_command_takes(command, o))
			return km_errorf(KM_EUSAGE, "%s does not take --%s", command->name,
					 o->name);
	}
	return NULL;
}
