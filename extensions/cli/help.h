/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the program says about itself. */
#ifndef KVMMMU_HELP_H
#define KVMMMU_HELP_H

#include <stdbool.h>
#include <stdio.h>

/* How the program is called, in a few lines. */
void help_usage(FILE *out);

/* All of it: commands, options, exit codes. */
void help_all(FILE *out);

/* The commands and their options. */
void help_commands(FILE *out);

/* One command, its usage with @dump ("DUMP ") before it; false if there is none of this name. */
bool help_topic(const char *command, const char *dump, FILE *out);

/* The same, as the program's; false if there is none of this name. */
bool help_command(const char *command, FILE *out);

#endif
