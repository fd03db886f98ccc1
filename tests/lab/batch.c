// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Answer the commands on standard input, one per line, in one session, as in crash:
 *
 *	batch DUMP|CAPSULE [DEBUGINFO]
 *
 * Each answer is preceded by a line "@@ exit-code bytes-of-answer bytes-of-error".
 */
#include "../../extensions/cli/dump.h"
#include "capsule/capsule.h"
#include "../run_line.h"

#include <stdlib.h>

static void answer(struct km_session *session, const char *line)
{
	char *text = NULL, *error = NULL;
	size_t text_len = 0, error_len = 0;
	FILE *out = open_memstream(&text, &text_len), *errors = open_memstream(&error, &error_len);
	int code;

	if (!out || !errors)
		exit(2);
	code = run_line(session, line, out, errors);
	fclose(out);
	fclose(errors);
	printf("@@ %d %zu %zu\n", code, text_len, error_len);
	fwrite(text, 1, text_len, stdout);
	fwrite(error, 1, error_len, stdout);
	free(text);
	free(error);
}

int main(int argc, char **argv)
{
	struct km_capsule *capsule = NULL;
	struct dump *dump = NULL;
	struct km_session *session;
	char line[256];
	km_error *err;

	if (argc < 2)
		return 2;
	if (km_is_capsule(argv[1], &err))
		err = km_capsule_open(argv[1], &capsule);
	else if (!err)
		err = dump_open(argv[1], argc > 2 ? argv[2] : NULL, &dump);
	if (err) {
		fprintf(stderr, "%s\n", km_error_text(err));
		return 3;
	}
	session = km_session_new(capsule ? km_capsule_target(capsule) : dump_target(dump));
	if (!session)
		return 2;
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		answer(session, line);
	}
	km_session_free(session);
	km_capsule_close(capsule);
	dump_close(dump);
	return 0;
}
