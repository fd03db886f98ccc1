/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Help texts, generated from the tables of commands, arguments and options; each front end has its
 * own.
 */
#ifndef KVMMMU_HELP_H
#define KVMMMU_HELP_H

#include "commands/command_forms.h"

#include <stdio.h>

#define KM_HELP_WIDTH 79

/* Fit the texts that follow into @columns; 0: KM_HELP_WIDTH. */
void km_help_set_width(unsigned columns);

/* How the program is called, in a few lines. */
void km_help_usage(FILE *out);

/* About all commands. */
void km_help(enum km_front_end front_end, FILE *out);

/* About one command; the first line is its purpose. */
void km_help_command(const struct km_command *command, enum km_front_end front_end, FILE *out);

/*
 * Lines of km_help() in the form of crash's help pages: name, purpose, synopsis, lines; NULL ends
 * them. km_help_page_free() frees them. NULL: out of memory.
 */
char **km_help_page(void);
void km_help_page_free(char **page);

/* KM_EUSAGE: too few or too many arguments, with the command's usage. */
km_error *km_help_usage_error(const struct km_command *command, enum km_front_end front_end);

/* KM_EUSAGE: no command has the name @name; "": there is no name. */
km_error *km_help_unknown_command(const char *name, enum km_front_end front_end);

/* One form of a command, as it is typed in @front_end. */
void km_help_form(const struct km_command *command, const struct km_form *form,
		  enum km_front_end front_end, FILE *out);

/* What an option does, and of which words its value is. */
void km_help_option(const struct km_option *option, FILE *out);

/*
 * What may follow the word @before (NULL: the command's name), a line each: options, words, and
 * "<file>", "<vm>" or "<vcpu>" for one of these.
 */
void km_help_complete(const struct km_command *command, const char *before,
		      enum km_front_end front_end, FILE *out);

#endif
