/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A command line of a session, as a front end would hand it over. */
#ifndef KVMMMU_RUN_LINE_H
#define KVMMMU_RUN_LINE_H

#include "commands/command.h"

#include <stdio.h>
#include <string.h>

static inline int run_line(struct km_session *session, const char *line, FILE *out, FILE *errors)
{
	char words[256], *argv[16], *save = NULL;
	int argc = 0;

	snprintf(words, sizeof(words), "%s", line);
	for (char *w = strtok_r(words, " ", &save); w && argc < 15; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	argv[argc] = NULL;
	return km_session_run(session, argc, argv, out, errors);
}

#endif
