// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Run every command a hundred times in one session, like a long debugging session, and print the
 * memory in use early and at the end. Built with the sanitizers, it fails on a leak or a bad
 * access.
 */
#include "../../extensions/cli/dump.h"
#include "../run_line.h"

#include <malloc.h>
#include <stdlib.h>

#define ROUNDS 100

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
			run_line(session, argv[i], sink, sink);
		if (round == ROUNDS / 10)
			early = mallinfo2().uordblks;
	}
	printf("%zu %zu\n", early, (size_t)mallinfo2().uordblks);
	km_session_free(session);
	dump_close(dump);
	fclose(sink);
	return 0;
}
