// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu, the stand-alone program: the same commands as in crash, on a dump file. */
#include "../kvmmmu/command.h"
#include "dump.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static int usage(FILE *out)
{
	fputs("usage: kvmmmu [-k VMLINUX-or-folder] DUMP COMMAND [options] [arguments]\n"
	      "       kvmmmu spte --as ept|npt|shadow[:generation] [--level N] VALUE\n"
	      "       kvmmmu pfec VALUE\n"
	      "       kvmmmu --help\n",
	      out);
	return KM_EXIT_USAGE;
}

static int help(void)
{
	const char *const *text = km_help_text();

	usage(stdout);
	/* name, summary and synopsis are the front end's own; examples are crash's */
	for (text += 3; *text && strcmp(*text, "\nEXAMPLES"); text++)
		puts(*text);
	return KM_EXIT_ANSWERED;
}

/* Commands that decode a number need no dump. */
static bool needs_no_dump(const char *word)
{
	return !strcmp(word, "spte") || !strcmp(word, "pfec");
}

static int run(struct km_target *target, int argc, char **argv)
{
	struct km_session *session = km_session_new(target);
	int code;

	if (!session) {
		fputs("kvmmmu: out of memory\n", stderr);
		return KM_EXIT_UNREADABLE;
	}
	code = km_session_run(session, argc, argv, stdout, stderr);
	km_session_free(session);
	return code;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"debuginfo", required_argument, NULL, 'k'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	const char *debug = NULL;
	struct dump *dump;
	km_error *err;
	int c, code;

	while ((c = getopt_long(argc, argv, "+k:h", options, NULL)) != -1) {
		if (c == 'h')
			return help();
		if (c != 'k')
			return usage(stderr);
		debug = optarg;
	}
	argc -= optind;
	argv += optind;
	if (argc >= 1 && needs_no_dump(argv[0]))
		return run(NULL, argc, argv);
	if (argc < 2)
		return usage(stderr);
	err = dump_open(argv[0], debug, &dump);
	if (err) {
		code = km_error_code(err) == KM_EUSAGE ? KM_EXIT_USAGE : KM_EXIT_UNREADABLE;
		fprintf(stderr, "kvmmmu: %s\n", km_error_text(err));
		km_error_free(err);
		return code;
	}
	code = run(dump_target(dump), argc - 1, argv + 1);
	dump_close(dump);
	return code;
}
