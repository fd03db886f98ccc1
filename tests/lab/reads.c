// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lets reads of a dump fail, one at a time, and compares "explain -j" with the whole answer:
 *
 *	reads DUMP EVERY [FIRST]
 *
 * Of each EVERY reads of the file, one is tried, from number FIRST (0) on: it fails with EIO, and
 * each 16th of these also ends at once, and returns 3 bytes. The process forks there, and the child
 * answers with that failure, while its parent goes on. An error has to be named, in an answer or
 *instead of one; a short read is repeated, and changes nothing. Prints how often each happened;
 *"WRONG ..." and the exit code 1 otherwise.
 */
#include "../../extensions/cli/open.h"
#include "../run_line.h"
#include "base/printable.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHORT_EVERY 16 /* in one place, read_whole(), are short reads repeated */

enum fault { EIO_, ENDS, SHORT, FAULTS };
enum outcome { SAME, NAMED, REFUSED, WRONG, OUTCOMES };

static const char *const fault_names[] = {"EIO", "0 bytes", "3 bytes"};
static const char *const outcome_names[] = {"same", "named", "refused", "WRONG"};

static unsigned long number, every, first; /* of reads */
static unsigned long counts[FAULTS][OUTCOMES];
static bool forking;
static bool is_child;
static enum fault failing;
static unsigned long failed; /* the number of the read that failed */

/* What a run printed. */
struct said {
	int code;
	char *out, *errors;
	size_t out_len, errors_len;
};

/* From the linker (--wrap). */
ssize_t __real_pread(int fd, void *buf, size_t len, off_t at);
ssize_t __wrap_pread(int fd, void *buf, size_t len, off_t at);

static ssize_t fail(enum fault fault, size_t len)
{
	errno = EIO;
	return fault == EIO_ ? -1 : fault == SHORT && len > 3 ? 3 : 0;
}

/* Fork a child in which this read fails. Returns true in the child. */
static bool try_fault(enum fault fault)
{
	pid_t child = fork();
	int status;

	if (!child) {
		is_child = true;
		forking = false;
		failing = fault;
		failed = number;
		alarm(60);
		return true;
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		exit(2);
	if (WIFEXITED(status) && WEXITSTATUS(status) < OUTCOMES) {
		counts[fault][WEXITSTATUS(status)]++;
	} else {
		printf("WRONG read %lu, %s: status 0x%x\n", number, fault_names[fault], status);
		counts[fault][WRONG]++;
	}
	return false;
}

/* These bytes must not be used: a failed read leaves the buffer as it is. */
ssize_t __wrap_pread(int fd, void *buf, size_t len, off_t at)
{
	if (forking && number >= first && (number - first) % every == 0) {
		unsigned long tried = (number - first) / every;

		for (int fault = 0; fault < (tried % SHORT_EVERY ? 1 : FAULTS); fault++) {
			if (try_fault(fault))
				return fail(fault, len);
		}
	}
	number++;
	return __real_pread(fd, buf, len, at);
}

/* As the program answers. */
static int answer(const char *path, FILE *out, FILE *errors)
{
	struct km_opened opened = {0};
	km_error *err = open_target(path, NULL, &opened);
	struct km_session *session;
	int code;

	if (err) {
		code = km_exit_code(err);
		km_print_error(km_error_text(err), errors);
		km_error_free(err);
		return code;
	}
	session = km_session_new(opened.target);
	if (!session)
		exit(2);
	code = run_line(session, "explain -j", out, errors);
	km_session_free(session);
	km_opened_close(&opened);
	return code;
}

static void run(const char *path, struct said *said)
{
	FILE *out = open_memstream(&said->out, &said->out_len);
	FILE *errors = open_memstream(&said->errors, &said->errors_len);

	if (!out || !errors)
		exit(2);
	number = 0;
	said->code = answer(path, out, errors);
	if (fclose(out) || fclose(errors))
		exit(2);
}

static bool is_one_line(const struct said *said)
{
	const char *end = strchr(said->errors, '\n');

	return end && !end[1];
}

static enum outcome judge(const struct said *whole, const struct said *said)
{
	static const char reason[] = "could not be read: Input/output error";
	bool same = said->code == whole->code && !strcmp(said->out, whole->out) &&
		    !strcmp(said->errors, whole->errors);

	if (failing != EIO_)
		return same ? SAME : WRONG;
	if (said->code == KM_EXIT_UNREADABLE)
		return !*said->out && is_one_line(said) && strstr(said->errors, reason) ? REFUSED
											: WRONG;
	return said->code == KM_EXIT_ANSWERED && strstr(said->out, reason) &&
			       strstr(said->out, "\"unread\"")
		       ? NAMED
		       : WRONG;
}

static void end_child(const struct said *whole, const struct said *said)
{
	enum outcome outcome = judge(whole, said);

	if (outcome == WRONG) {
		printf("WRONG read %lu, %s: exit code %d, %s\n%.2000s\n", failed,
		       fault_names[failing], said->code, said->errors, said->out);
		fflush(stdout);
	}
	_exit(outcome);
}

int main(int argc, char **argv)
{
	struct said whole, said;
	bool wrong = false;

	if (argc < 3 || !(every = strtoul(argv[2], NULL, 10)))
		return 2;
	first = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
	run(argv[1], &whole);
	if (whole.code) {
		fputs(whole.errors, stderr);
		return 2;
	}
	forking = true;
	run(argv[1], &said);
	if (is_child)
		end_child(&whole, &said);
	for (int fault = 0; fault < FAULTS; fault++) {
		printf("%s:", fault_names[fault]);
		for (int i = 0; i < OUTCOMES; i++)
			printf(" %s %lu", outcome_names[i], counts[fault][i]);
		putchar('\n');
		wrong |= counts[fault][WRONG] || !counts[EIO_][REFUSED] || !counts[EIO_][NAMED];
	}
	printf("%lu reads\n", number);
	return wrong;
}
