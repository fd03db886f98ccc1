/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text of help and manual page, except for the tables of commands, arguments and options. */
#ifndef KVMMMU_HELP_TEXT_H
#define KVMMMU_HELP_TEXT_H

#include "commands/command_table.h"

#define KM_PURPOSE "why a KVM guest hangs or loops on page faults"

/* Paragraphs about all of it, and about what is special in a front end; NULL ends them. */
extern const char *const km_about[];
extern const char *const *const km_about_front_end[];

/* What the program reads; its environment; exit codes. */
extern const struct km_term km_inputs[], km_environment[], km_files[], km_exit_codes[];

struct km_example {
	const char *question;
	const char *words; /* of the command */
	bool needs_dump;
};

/* Ends with a question that is NULL. */
extern const struct km_example km_examples[];

#endif
