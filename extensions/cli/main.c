// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu, the stand-alone program: the same commands as in crash, on a dump file. */
#include "../kvmmmu/capsule.h"
#include "../kvmmmu/command.h"
#include "dump.h"
#include "help.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the user wants of the program rather than of a command. */
struct wishes {
	const char *debug;
	const char *color; /* "auto", "always" or "never" */
	struct km_answer_options answers;
	bool help, version;
};

static const struct option options[] = {
	{"debuginfo", required_argument, NULL, 'k'}, {"fail-on", required_argument, NULL, 'f'},
	{"color", optional_argument, NULL, 'c'},     {"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'v'},	     {NULL, 0, NULL, 0},
};

static km_error *wish(struct wishes *w, int c, const char *value)
{
	switch (c) {
	case 'k':
		w->debug = value;
		return NULL;
	case 'f':
		w->answers.fail = true;
		if (!km_certainty_parse(value, &w->answers.fail_on))
			return km_errorf(KM_EUSAGE,
					 "--fail-on \"%s\": note, possible, likely or proven",
					 value);
		return NULL;
	case 'c':
		w->color = value ? value : "always";
		if (strcmp(w->color, "auto") && strcmp(w->color, "always") &&
		    strcmp(w->color, "never"))
			return km_errorf(KM_EUSAGE, "--color=%s: auto, always or never", value);
		return NULL;
	case 'h':
		w->help = true;
		return NULL;
	default:
		w->version = true;
		return NULL;
	}
}

/* The options before DUMP or a command that needs none; *@first is where that is. */
static km_error *leading_wishes(struct wishes *w, int argc, char **argv, int *first)
{
	km_error *err = NULL;
	int c;

	opterr = 0;
	while (!err && (c = getopt_long(argc, argv, "+:k:h", options, NULL)) != -1) {
		if (c == '?' || c == ':')
			return km_errorf(KM_EUSAGE, "\"%s\": %s", argv[optind - 1],
					 c == '?' ? "unknown option" : "option wants a value");
		err = wish(w, c, optarg);
	}
	*first = optind;
	return err;
}

/*
 * The long options among the command's words, which leave them: the rest is the command's business.
 */
static km_error *take_wishes(struct wishes *w, int *argc, char **argv)
{
	km_error *err = NULL;
	int kept = 0, i = 0;

	for (; !err && i < *argc && strcmp(argv[i], "--"); i++) {
		const char *name = argv[i], *value = strchr(name, '=');
		const struct option *o = options;
		size_t len = value ? (size_t)(value++ - name) : strlen(name);

		while (o->name && (strncmp(name, "--", 2) || strlen(o->name) != len - 2 ||
				   strncmp(name + 2, o->name, len - 2)))
			o++;
		if (!strcmp(name, "-h"))
			w->help = true;
		else if (!o->name || o->val == 'k') /* -k is a command's, too */
			argv[kept++] = argv[i];
		else if (o->has_arg == required_argument && !value && i + 1 == *argc)
			return km_errorf(KM_EUSAGE, "\"%s\": option wants a value", name);
		else if (o->has_arg == required_argument && !value)
			err = wish(w, o->val, argv[++i]);
		else
			err = wish(w, o->val, value);
	}
	while (i < *argc)
		argv[kept++] = argv[i++];
	*argc = kept;
	argv[kept] = NULL;
	return err;
}

static bool wants_color(const struct wishes *w)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	if (w->color && strcmp(w->color, "auto"))
		return !strcmp(w->color, "always");
	return isatty(STDOUT_FILENO) && !(no && *no) && !(term && !strcmp(term, "dumb"));
}

/*
 * Puts out a finished answer. A reader who has gone (`| head`) has seen enough, which is no error.
 */
static km_error *put_out(const char *text, size_t len)
{
	while (len) {
		ssize_t done = write(STDOUT_FILENO, text, len);

		if (done < 0 && errno == EPIPE)
			return NULL;
		if (done < 0 && errno != EINTR)
			return km_errorf(KM_EREAD, "cannot write the answer: %s", strerror(errno));
		if (done > 0) {
			text += done;
			len -= (size_t)done;
		}
	}
	return NULL;
}

/* Commands that decode a number or a trace need no dump, a capsule is listed on its own. */
static bool needs_no_dump(const char *word)
{
	return !strcmp(word, "spte") || !strcmp(word, "pfec") || !strcmp(word, "capture") ||
	       !strcmp(word, "replay");
}

/* The command in @argv, on @target if it needs one, into @out. */
static int run(const struct wishes *w, struct km_target *target, int argc, char **argv, FILE *out)
{
	struct km_session *session = km_session_new(target);
	int code;

	if (!session) {
		fputs("kvmmmu: out of memory\n", stderr);
		return KM_EXIT_UNREADABLE;
	}
	km_session_set_answers(session, w->answers);
	code = km_session_run(session, argc, argv, out, stderr);
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

static int run_on_dump(const struct wishes *w, int argc, char **argv, FILE *out)
{
	struct dump *dump;
	km_error *err = dump_open(argv[0], w->debug, &dump);
	int code;

	if (err)
		return fail(err);
	code = run(w, dump_target(dump), argc - 1, argv + 1, out);
	dump_close(dump);
	return code;
}

static int run_on_capsule(const struct wishes *w, int argc, char **argv, FILE *out)
{
	struct km_capsule *capsule;
	km_error *err = km_capsule_open(argv[0], &capsule);
	int code;

	if (err)
		return fail(err);
	code = run(w, km_capsule_target(capsule), argc - 1, argv + 1, out);
	km_capsule_close(capsule);
	return code;
}

/* Help of the first word that is a command. */
static void help(int argc, char **argv, FILE *out)
{
	for (int i = 0; i < argc && i < 2; i++) {
		if (help_command(argv[i], out))
			return;
	}
	help_all(out);
}

static int answer(int argc, char **argv, FILE *out)
{
	struct wishes w = {.debug = getenv("KVMMMU_DEBUGINFO")};
	int first = argc;
	km_error *err = leading_wishes(&w, argc, argv, &first);

	argc -= first;
	argv += first;
	if (!err)
		err = take_wishes(&w, &argc, argv);
	if (err)
		return fail(err);
	w.answers.color = wants_color(&w);
	if (w.help) {
		help(argc, argv, out);
		return KM_EXIT_ANSWERED;
	}
	if (w.version) {
		fputs("kvmmmu " KM_VERSION "\n", out);
		return KM_EXIT_ANSWERED;
	}
	if (argc >= 1 && needs_no_dump(argv[0]))
		return run(&w, NULL, argc, argv, out);
	if (argc >= 2)
		return km_is_capsule(argv[0]) ? run_on_capsule(&w, argc, argv, out)
					      : run_on_dump(&w, argc, argv, out);
	if (argc)
		fprintf(stderr, "kvmmmu: \"%s\" alone: say a dump and a command\n", argv[0]);
	help_usage(stderr);
	return KM_EXIT_USAGE;
}

/* So that no file we open takes the place of a closed standard output. */
static void fill_standard_files(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	km_error *err = NULL;
	int code;

	if (!out)
		return fail(km_errorf(KM_ENOMEM, "out of memory"));
	fill_standard_files();
	signal(SIGPIPE, SIG_IGN);
	code = answer(argc, argv, out);
	err = fclose(out) ? km_errorf(KM_ENOMEM, "out of memory") : put_out(text, len);
	free(text);
	return err ? fail(err) : code;
}
