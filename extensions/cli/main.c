// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu, the stand-alone program: the same commands as in crash, on a dump file. */
#include "base/printable.h"
#include "commands/command.h"
#include "commands/command_table.h"
#include "commands/help.h"
#include "commands/moments_json.h"
#include "batch.h"
#include "cache.h"
#include "open.h"
#include "print.h"
#include "held_answer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MIN_COLUMNS 40 /* of a terminal that text is fitted to */

static int fail(km_error *err)
{
	int code = km_exit_code(err);

	km_print_error(km_error_text(err), stderr);
	km_error_free(err);
	return code;
}

static bool wants_color(const char *when)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	if (when && strcmp(when, "auto"))
		return !strcmp(when, "always");
	return isatty(STDOUT_FILENO) && !(no && *no) && !(term && !strcmp(term, "dumb"));
}

/* 0: standard output is not a terminal, or its width is not known. */
static unsigned terminal_columns(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	uint64_t count;

	if (!isatty(STDOUT_FILENO))
		return 0;
	if (columns && km_parse_decimal(columns, &count) && count >= MIN_COLUMNS)
		return (unsigned)count;
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col >= MIN_COLUMNS)
		return size.ws_col;
	return 0;
}

/* The command of @line, on @target if there is one. */
static int run(struct km_target *target, const struct km_command_line *line, FILE *out)
{
	struct km_session *session = km_session_new(target);
	int code;

	if (!session)
		return fail(km_errorf(KM_ENOMEM, "out of memory"));
	km_session_set_answers(session,
			       (struct km_answer_options){.front_end = KM_IN_PROGRAM,
							  .color = wants_color(line->options.color),
							  .columns = terminal_columns(),
							  .open = open_target});
	code = km_session_run_line(session, line, out, stderr);
	km_session_free(session);
	return code;
}

/*
 * The command of @line, on answer @path in JSON in place of a dump. diff compares it; for explain,
 * which examines a dump, that is all that two answers show.
 */
static int run_on_answer(const char *path, struct km_command_line *line, FILE *out)
{
	static char *diff[] = {"diff"};
	const struct km_command *command = km_command_named(line->argv[0]);

	if (!command || !km_command_takes_two(command) || !line->options.before) {
		struct km_moments answer = {0};
		km_error *err = km_moments_read_json(path, &answer);

		km_moments_deinit(&answer);
		return fail(err ? km_error_context(err, "not a dump")
				: km_errorf(KM_EUSAGE,
					    "%s is not a dump, but an answer in JSON: \"kvmmmu "
					    "diff EARLIER %s\" compares it",
					    path, path));
	}
	line->options.after = path;
	line->argv[0] = diff[0];
	return run(NULL, line, out);
}

static int run_on(const char *path, struct km_command_line *line, FILE *out)
{
	const char *debug = line->options.debug;
	const char *no_cache = getenv("KVMMMU_NO_CACHE");
	struct km_opened opened;
	km_error *err;
	int code;

	if (!line->options.no_cache && !(no_cache && *no_cache))
		cache_allow();
	err = open_target(path, debug ? debug : getenv("KVMMMU_DEBUGINFO"), &opened);
	if (err && km_is_json(path)) {
		km_error_free(err);
		return run_on_answer(path, line, out);
	}
	if (err)
		return fail(err);
	code = run(opened.target, line, out);
	km_opened_close(&opened);
	return code;
}

/* COMMAND EARLIER DUMP [ARGUMENTS]: as DUMP COMMAND --before EARLIER [ARGUMENTS] */
static int run_on_two(struct km_command_line *line, FILE *out)
{
	const char *dump = line->argv[2];

	if (line->options.before)
		return fail(km_errorf(KM_EUSAGE, "%s: two dumps and --before", line->argv[0]));
	line->options.before = line->argv[1];
	line->argv[2] = line->argv[0];
	line->argv += 2;
	line->argc -= 2;
	return run_on(dump, line, out);
}

/* The dump is missing, or comes after the command. */
static km_error *needs_dump(const struct km_command *command, const struct km_command_line *line)
{
	const char *file = line->argc > 1 && !access(line->argv[1], F_OK) ? line->argv[1] : "DUMP";

	if (!strcmp(command->name, "diff"))
		return km_errorf(KM_EUSAGE,
				 "diff needs two dumps of one boot: \"kvmmmu diff EARLIER %s\"",
				 file);
	return km_errorf(KM_EUSAGE,
			 "%s needs a dump before it: \"kvmmmu %s %s\"; see \"kvmmmu %s --help\"",
			 command->name, file, command->name, command->name);
}

/* DUMP COMMAND, COMMAND EARLIER DUMP, a command that needs no dump, or DUMP alone. */
static int run_words(struct km_command_line *line, FILE *out)
{
	static char *explain[] = {"explain"};
	const char *first = line->argv[0];
	const struct km_command *command = km_command_named(first);

	if (command && command->many_dumps) {
		bool found;
		km_error *err = batch_run(line, STDOUT_FILENO, &found);

		return err ? fail(err) : found ? KM_EXIT_FINDINGS : KM_EXIT_ANSWERED;
	}
	if (command && km_command_takes_two(command) && line->argc > 2)
		return run_on_two(line, out);
	if (command && command->needs_kernel)
		return fail(needs_dump(command, line));
	if (command)
		return run(NULL, line, out);
	line->argv++;
	line->argc--;
	if (!line->argc) {
		line->argv = explain;
		line->argc = 1;
	}
	return run_on(first, line, out);
}

/*
 * Print help about the command that the line names, with or without a dump before it; otherwise
 * about all commands.
 */
static int help(const struct km_command_line *line, FILE *out)
{
	km_help_set_width((unsigned)line->options.width);
	for (int i = 0; i < line->argc && i < 2; i++) {
		const struct km_command *command = km_command_named(line->argv[i]);

		if (command) {
			km_help_command(command, KM_IN_PROGRAM, out);
			return KM_EXIT_ANSWERED;
		}
	}
	/* one word is a dump, or a command that does not exist */
	if (line->argc && access(line->argv[0], F_OK))
		return fail(km_help_unknown_command(line->argv[0], KM_IN_PROGRAM));
	km_help(KM_IN_PROGRAM, out);
	return KM_EXIT_ANSWERED;
}

static int answer(struct km_command_line *line, FILE *out)
{
	if (line->options.help) {
		return help(line, out);
	} else if (line->options.version) {
		fputs("kvmmmu " KM_VERSION "\n", out);
	} else if (line->options.print) {
		print_text(line->options.print, out);
	} else if (line->argc) {
		return run_words(line, out);
	} else {
		km_help_usage(stderr);
		return KM_EXIT_USAGE;
	}
	return KM_EXIT_ANSWERED;
}

/* Prevent a file that is opened later from taking the place of a closed standard output. */
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
	struct held_answer held = {0};
	FILE *out = held_answer_open(&held);
	struct km_command_line line = {0};
	km_error *err;
	bool gone;
	int code;

	if (!out)
		return fail(km_errorf(KM_ENOMEM, "out of memory"));
	fill_standard_files();
	signal(SIGPIPE, SIG_IGN);
	err = km_command_line_parse(KM_IN_PROGRAM, argc > 0 ? argc - 1 : 0, argv + 1, &line);
	code = err ? fail(err) : answer(&line, out);
	km_command_line_deinit(&line);
	held.failed |= fclose(out) != 0;
	if (!held.failed)
		err = held_answer_write(&held, STDOUT_FILENO, &gone);
	else /* whoever wrote it may have reported that */
		err = code ? NULL : km_errorf(KM_ENOMEM, "out of memory");
	held_answer_deinit(&held);
	return err ? fail(err) : code;
}
