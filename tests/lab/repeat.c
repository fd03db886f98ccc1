// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs every command a hundred times in one session, as a long debugging session would, and says
 * whether memory grew. Built with the sanitizers, a leak or a bad access ends it.
 */
#include "../../extensions/cli/dump.h"
#include "../../extensions/kvmmmu/command.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 100

static void run(struct km_session *session, const char *line, FILE *sink)
{
	char words[256], *argv[16], *save = NULL;
	int argc = 0;

	snprintf(words, sizeof(words), "%s", line);
	for (char *w = strtok_r(words, " ", &save); w && argc < 15; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	argv[argc] = NULL;
	km_session_run(session, argc, argv, sink, sink);
}

int main(int argc, char **argv)
{
	FILE *sink = fopen("/dev/null", "w");
	struct km_session *session;
	struct dump *dump;
	size_t early = 0;
	km_error *err;

	if (argc < 4)
		return 2;
	err = dump_open(argv[1], argv[2], &dump);
	if (err) {
		fprintf(stderr, "%s\n", km_error_text(err));
		return 3;
	}
	session = km_session_new(dump_target(dump));
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 3; i < argc; i++)
			run(session, argv[i], sink);
		if (round == ROUNDS / 10)
			early = mallinfo2().uordblks;
	}
	printf("%zu %zu\n", early, (size_t)mallinfo2().uordblks);
	km_session_free(session);
	dump_close(dump);
	fclose(sink);
	return 0;
}
