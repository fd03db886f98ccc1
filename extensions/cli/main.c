// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu, the stand-alone program: the same commands as in crash, on a dump file. */
#include "../kvmmmu/capsule.h"
#include "../kvmmmu/command.h"
#include "dump.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static int usage(FILE *out)
{
	fputs("usage: kvmmmu [-k VMLINUX-or-folder] DUMP|CAPSULE COMMAND [options] [arguments]\n"
	      "       kvmmmu capture --list CAPSULE\n"
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

/* Commands that decode a number need no dump, and a capsule is listed on its own. */
static bool needs_no_dump(const char *word)
{
	return !strcmp(word, "spte") || !strcmp(word, "pfec") || !strcmp(word, "capture");
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

static int fail(km_error *err)
{
	int code = km_error_code(err) == KM_EUSAGE ? KM_EXIT_USAGE : KM_EXIT_UNREADABLE;

	fprintf(stderr, "kvmmmu: %s\n", km_error_text(err));
	km_error_free(err);
	return code;
}

static int run_on_capsule(int argc, char **argv)
{
	struct km_capsule *capsule;
	km_error *err = km_capsule_open(argv[0], &capsule);
	int code;

	if (err)
		return fail(err);
	code = run(km_capsule_target(capsule), argc - 1, argv + 1);
	km_capsule_close(capsule);
	return code;
}

static int run_on_dump(const char *debug, int argc, char **argv)
{
	struct dump *dump;
	km_error *err = dump_open(argv[0], debug, &dump);
	int code;

	if (err)
		return fail(err);
	code = run(dump_target(dump), argc - 1, argv + 1);
	dump_close(dump);
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
	int c;

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
	return km_is_capsule(argv[0]) ? run_on_capsule(argc, argv) : run_on_dump(debug, argc, argv);
}
