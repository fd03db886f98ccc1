// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each file is read by a child process: a file that takes too much time or memory, or that triggers
 * a bug, affects only its own answer. fork() takes a tenth of a millisecond here, because there is
 * little to copy yet.
 */
#include "batch.h"

#include "base/printable.h"
#include "commands/batch.h"
#include "commands/command.h"
#include "commands/help.h"
#include "open.h"
#include "write_all.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_SECONDS 300
#define DEFAULT_BYTES	(4ULL << 30)
#define MAX_LINE	(64U << 20) /* bytes that a child may write */

struct run {
	struct km_command_line line; /* "batch" and its options, without files */
	const char *debug;
	uint64_t seconds, bytes;
	int fd;
	bool gone;  /* who reads the answers */
	bool found; /* --fail-on: of at least one file */
};

/* A growing buffer. */
struct text {
	char *bytes;
	size_t len, size;
	bool full; /* there were more */
};

#define CHILD_FOUND 2 /* how a child ends that wrote an answer with a finding of --fail-on */

/* ---- the child ---- */

/* An answer with "error" null, or an error, whose class and text are set. */
static int ask(const struct run *run, const char *file, FILE *out, const char **class, char **text)
{
	struct km_opened opened;
	km_error *err = open_target(file, run->debug, &opened);
	struct km_session *session = err ? NULL : km_session_new(opened.target);
	size_t len;
	FILE *errors = open_memstream(text, &len);
	int code = KM_EXIT_UNREADABLE;

	*class = km_error_class(err ? km_error_code(err) : KM_ENOMEM);
	if (session && errors) {
		code = km_session_run_line(session, &run->line, out, errors);
		*class = km_error_class(km_session_error(session));
	}
	if (errors) {
		if (err)
			km_print_error(km_error_text(err), errors);
		fclose(errors);
	}
	km_session_free(session);
	if (!err)
		km_opened_close(&opened);
	km_error_free(err);
	return code;
}

/* Strip "kvmmmu: " and the newline, which are only for people. */
static const char *message(char *text)
{
	static const char name[] = "kvmmmu: ";

	if (!text)
		return "out of memory";
	text[strcspn(text, "\n")] = '\0';
	return strncmp(text, name, sizeof(name) - 1) ? text : text + sizeof(name) - 1;
}

static void child(const struct run *run, const char *file, int fd)
{
	const struct rlimit memory = {run->bytes, run->bytes}, no_core = {0, 0};
	const char *class;
	char *line = NULL, *text = NULL;
	size_t len = 0;
	FILE *out;
	int code;

	setrlimit(RLIMIT_AS, &memory);
	setrlimit(RLIMIT_CORE, &no_core);
	out = open_memstream(&line, &len);
	if (!out)
		_exit(1);
	code = ask(run, file, out, &class, &text);
	if (code != KM_EXIT_ANSWERED && code != KM_EXIT_FINDINGS) {
		rewind(out);
		km_error_free(km_batch_write_failure(file, class, message(text), out));
	}
	if (fclose(out))
		_exit(1);
	if (!write_all(fd, line, len))
		_exit(1);
	_exit(code == KM_EXIT_FINDINGS ? CHILD_FOUND : 0);
}

/* ---- the parent ---- */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Append what can be read from @fd. Return false at its end, or if there is too much. */
static bool take(int fd, struct text *t)
{
	ssize_t got;

	if (t->size - t->len < 4096) {
		size_t size = t->size ? 2 * t->size : 65536;
		char *bytes = size <= MAX_LINE ? realloc(t->bytes, size) : NULL;

		t->full |= size > MAX_LINE;
		if (!bytes)
			return false;
		t->bytes = bytes;
		t->size = size;
	}
	got = read(fd, t->bytes + t->len, t->size - t->len);
	if (got > 0)
		t->len += (size_t)got;
	return got > 0 || (got < 0 && errno == EINTR);
}

/* Read what the child writes. Return false on timeout. */
static bool take_all(const struct run *run, int fd, struct text *t)
{
	int64_t end = now_ms() + (int64_t)run->seconds * 1000;
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	for (;;) {
		int64_t left = end - now_ms();
		int ready = left > 0 ? poll(&wait, 1, left > 60000 ? 60000 : (int)left) : 0;

		if (ready > 0 && !take(fd, t))
			return true;
		if (left <= 0)
			return false;
	}
}

/* Is it exactly one line? */
static bool is_line(const struct text *t)
{
	return t->len && memchr(t->bytes, '\n', t->len) == t->bytes + t->len - 1;
}

static km_error *write_failure(struct run *run, const char *file, const char *class,
			       const char *text)
{
	char *line = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&line, &len);
	km_error *err = out ? km_batch_write_failure(file, class, text, out) : NULL;

	if (!out || fclose(out)) {
		km_error_free(err);
		err = km_errorf(KM_ENOMEM, "out of memory");
	}
	if (!err)
		err = write_answer(run->fd, line, len, &run->gone);
	free(line);
	return err;
}

static km_error *write_result(struct run *run, const char *file, const struct text *t, bool in_time,
			      int status)
{
	char text[80];

	if (!in_time) {
		snprintf(text, sizeof(text), "stopped after %llu seconds (--time-limit)",
			 (unsigned long long)run->seconds);
		return write_failure(run, file, "time", text);
	}
	if (WIFSIGNALED(status)) {
		snprintf(text, sizeof(text), "bug in kvmmmu, please report it: signal %d (%s)",
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
		return write_failure(run, file, "crash", text);
	}
	if (t->full) {
		snprintf(text, sizeof(text), "the answer has more than %u MB", MAX_LINE >> 20);
		return write_failure(run, file, "memory", text);
	}
	if ((WEXITSTATUS(status) && WEXITSTATUS(status) != CHILD_FOUND) || !is_line(t))
		return write_failure(run, file, "memory", "out of memory (--memory-limit)");
	run->found |= WEXITSTATUS(status) == CHILD_FOUND;
	return write_answer(run->fd, t->bytes, t->len, &run->gone);
}

static km_error *run_file(struct run *run, const char *file, struct text *t)
{
	int fds[2], status = 0;
	bool in_time;
	pid_t pid;

	if (pipe(fds))
		return km_errorf(KM_EREAD, "cannot make a pipe: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		close(fds[0]);
		child(run, file, fds[1]);
	}
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return km_errorf(KM_EREAD, "cannot start a process: %s", strerror(errno));
	}
	t->len = 0;
	t->full = false;
	in_time = take_all(run, fds[0], t);
	if (!in_time)
		kill(pid, SIGKILL);
	close(fds[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return write_result(run, file, t, in_time, status);
}

static km_error *run_list(struct run *run, struct text *t)
{
	char *name = NULL;
	size_t size = 0;
	km_error *err = NULL;

	for (ssize_t len; !err && !run->gone && (len = getline(&name, &size, stdin)) >= 0;) {
		if (len && name[len - 1] == '\n')
			name[--len] = '\0';
		if (len)
			err = run_file(run, name, t);
	}
	if (!err && ferror(stdin))
		err = km_errorf(KM_EREAD, "cannot read the list of files: %s", strerror(errno));
	free(name);
	return err;
}

km_error *batch_run(const struct km_command_line *line, int fd, bool *found)
{
	const struct km_command_options *o = &line->options;
	const struct km_command *batch = km_command_named(line->argv[0]);
	struct run run = {
		.line = *line,
		.debug = o->debug ? o->debug : getenv("KVMMMU_DEBUGINFO"),
		.seconds = o->time_limit ? o->time_limit : DEFAULT_SECONDS,
		.bytes = o->memory_limit ? o->memory_limit : DEFAULT_BYTES,
		.fd = fd,
	};
	struct text t = {0};
	km_error *err = km_command_line_check(line, batch);

	if (!err && line->argc < 2)
		err = km_help_usage_error(batch, KM_IN_PROGRAM);
	run.line.argc = 1;
	run.line.options.format = KM_FORMAT_JSON;
	for (int i = 1; i < line->argc && !err && !run.gone; i++)
		err = strcmp(line->argv[i], "-") ? run_file(&run, line->argv[i], &t)
						 : run_list(&run, &t);
	free(t.bytes);
	*found = run.found;
	return err;
}
