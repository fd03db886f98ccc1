/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands: the same words and options in every front end. A session keeps what was found about
 * the kernel between commands.
 */
#ifndef KVMMMU_COMMAND_H
#define KVMMMU_COMMAND_H

#include "commands/answer_options.h"
#include "commands/command_line.h"

#include <stdio.h>

/* Exit codes of a command. */
enum km_exit {
	KM_EXIT_ANSWERED = 0,
	KM_EXIT_FINDINGS = 1, /* there is a finding at least as certain as --fail-on specifies */
	KM_EXIT_USAGE = 2,
	KM_EXIT_UNREADABLE = 3, /* or not writable */
};

/* The exit code for an error. */
enum km_exit km_exit_code(const km_error *err);

struct km_session;

/* NULL: out of memory. @target (NULL: only commands that need no dump) must outlive it. */
struct km_session *km_session_new(struct km_target *target);
void km_session_free(struct km_session *session);

/* Discard what was found about the kernel: the next command opens it again. */
void km_session_forget(struct km_session *session);

void km_session_set_answers(struct km_session *session, struct km_answer_options options);

/*
 * Runs one command, argv[0] being its name ("vms"), and prints the answer to @out or one line of
 * error to @errors. @argv is not changed.
 */
enum km_exit km_session_run(struct km_session *session, int argc, char **argv, FILE *out,
			    FILE *errors);

/* The same for a line that has been read; its first word is the command's name. */
enum km_exit km_session_run_line(struct km_session *session, const struct km_command_line *line,
				 FILE *out, FILE *errors);

/* The code of the error with which the last command failed. */
enum km_errc km_session_error(const struct km_session *session);

/* Schema version that every JSON answer carries as "schema". */
#define KM_SCHEMA "kvmmmu/1"

#endif
