/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands: the same words and options in every front end. A session keeps what was found about
 * the kernel between commands.
 */
#ifndef KVMMMU_COMMAND_H
#define KVMMMU_COMMAND_H

#include "certainty.h"
#include "target.h"

#include <stdio.h>

/* Exit codes of a command. */
enum km_exit {
	KM_EXIT_ANSWERED = 0,
	KM_EXIT_FINDINGS = 1, /* something deserves a look, and --fail-on asked to be told so */
	KM_EXIT_USAGE = 2,
	KM_EXIT_UNREADABLE = 3,
};

/* How a front end wants its answers; all zeros is fine. */
struct km_answer_options {
	bool color;		   /* in text, for a terminal */
	bool fail;		   /* KM_EXIT_FINDINGS for a finding ... */
	enum km_certainty fail_on; /* ... that is at least this certain */
};

struct km_session;

/* NULL when memory is out. @target (NULL: only commands that need no dump) must outlive it. */
struct km_session *km_session_new(struct km_target *target);
void km_session_free(struct km_session *session);

/* Forgets what was found about the kernel: the next command opens it anew. */
void km_session_forget(struct km_session *session);

void km_session_set_answers(struct km_session *session, struct km_answer_options options);

/*
 * Runs one command, argv[0] being its name ("vms"), and prints the answer to @out or one line of
 * error to @errors. The strings of @argv may be permuted, not changed.
 */
enum km_exit km_session_run(struct km_session *session, int argc, char **argv, FILE *out,
			    FILE *errors);

/* Name of command @index, in the order of the help text; NULL past the last. */
const char *km_command_name(size_t index);

/* The help text, one line after the other, NULL at the end; as crash's help pages go. */
const char *const *km_help_text(void);

/* Schema version that every JSON answer carries as "schema". */
#define KM_SCHEMA "kvmmmu/1"

#endif
