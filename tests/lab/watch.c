// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Run commands on a dump that "runs" between two looks: instead of that, a shell command edits the
 * file. Each line of standard input is a command of kvmmmu, all in one session:
 *
 *	watch DUMP SHELL-COMMAND
 *
 * The shell command gets the number of the look, from 1, as $LOOK. A line "run" runs it, too.
 */
#include "../../extensions/cli/dump.h"
#include "../run_line.h"

#include <stdlib.h>
#include <string.h>

static const char *edit;

static km_error *resume_for(struct km_target *target, unsigned milliseconds)
{
	static unsigned look;
	char number[16];

	(void)target;
	(void)milliseconds;
	snprintf(number, sizeof(number), "%u", ++look);
	setenv("LOOK", number, 1);
	return system(edit) ? km_errorf(KM_EABSENT, "the edit failed") : NULL;
}

int main(int argc, char **argv)
{
	struct km_target_ops ops;
	struct km_session *session;
	struct dump *dump;
	char line[256];
	km_error *err;
	int code = 0;

	if (argc != 3)
		return 2;
	edit = argv[2];
	err = dump_open(argv[1], NULL, &dump);
	if (err) {
		fprintf(stderr, "%s\n", km_error_text(err));
		return 3;
	}
	ops = *dump_target(dump)->ops;
	ops.resume_for = resume_for;
	dump_target(dump)->ops = &ops;
	session = km_session_new(dump_target(dump));
	if (!session)
		return 2;
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strcmp(line, "run"))
			km_error_free(resume_for(dump_target(dump), 0));
		else
			code = run_line(session, line, stdout, stderr);
	}
	km_session_free(session);
	dump_close(dump);
	return code;
}
