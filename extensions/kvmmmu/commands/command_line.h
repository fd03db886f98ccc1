/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading a command line. */
#ifndef KVMMMU_COMMAND_LINE_H
#define KVMMMU_COMMAND_LINE_H

#include "commands/command_forms.h"

/* A command line, read. */
struct km_command_line {
	struct km_command_options options;
	int argc; /* words that are neither options nor values of options, in order */
	char **argv;
	char **words;	/* holds argv; the strings are the caller's */
	uint64_t given; /* bits: which options, by their index */
};

/*
 * Reads a line without the word before the first (argv[0] of a program). Options and other words
 * come in any order; "--" ends the options. Free it with km_command_line_deinit() in any case.
 * KM_EUSAGE: an option that @front_end does not have, or a value that is not valid.
 */
km_error *km_command_line_parse(enum km_front_end front_end, int argc, char **argv,
				struct km_command_line *line);
void km_command_line_deinit(struct km_command_line *line);

/* KM_EUSAGE if an option was given that @command does not take. */
km_error *km_command_line_check(const struct km_command_line *line,
				const struct km_command *command);

#endif
