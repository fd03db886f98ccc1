// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer target: the input as a capsule, compressed or not. If it opens, run commands on it.
 */
#include "capsule.h"

#include "../run_line.h"
#include "bytes.h"
#include "capsule/capsule.h"

bool capsule_ask_everything;

/* In the place of %s: the input, and a file that is overwritten each time. */
#define LIST	"capture --list %s"
#define CAPTURE "capture -o %s --force --with-names"

static const char *const questions[] = {
	"explain",
	"explain -j",
	"explain 0:0",
	"report",
	"vms",
	"vms -j",
	"perms",
	"slots",
	"slots -j",
	"audit",
	"audit -j",
	"mmu 0:0",
	"walk 0:0 1000",
	"fault 1:0",
	"fault 0:0 -a 1000 -e 6 --trace",
	"fault 1:0 -a 1000 -e d --trace -j",
	"mmu 1:0 -j",
	"walk 1:0 0 -j",
	"walk 0:0 0 -n all",
	"walk 1:0 0 -n 8G -j",
	"find gpa 1000",
	"sym kvm_vcpu_ioctl",
	"layout -j",
	"log",
	"replay",
	LIST,
	CAPTURE,
};
#define QUESTIONS (sizeof(questions) / sizeof(*questions))

/* The name of a file that does not exist, always the same one. */
static const char *output(void)
{
	static char path[] = "/tmp/kvmmmu-fuzz-XXXXXX";
	static int fd = -1;

	if (fd < 0) {
		fd = mkstemp(path);
		close(fd);
	}
	unlink(path);
	return path;
}

static void ask(struct km_session *session, const char *question, const char *path, FILE *sink)
{
	char line[80];

	if (!strcmp(question, LIST))
		snprintf(line, sizeof(line), LIST, path);
	else if (!strcmp(question, CAPTURE))
		snprintf(line, sizeof(line), CAPTURE, output());
	else
		snprintf(line, sizeof(line), "%s", question);
	run_line(session, line, sink, sink);
	if (!strcmp(question, CAPTURE))
		output();
}

static uint32_t hash(const uint8_t *data, size_t len)
{
	uint32_t h = 0x811c9dc5;

	for (size_t i = 0; i < len; i++)
		h = (h ^ data[i]) * 0x01000193;
	return h ^ h >> 15;
}

/* Which questions are asked about the input: @count of them, from *@first on. */
static size_t choose(const uint8_t *data, size_t len, size_t *first)
{
	*first = 0;
	if (capsule_ask_everything || !len || *data != 0x7f)
		return QUESTIONS;
	*first = hash(data, len) % QUESTIONS;
	return 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char path[32];
	int fd = bytes_file(data, len, path);
	struct km_capsule *capsule = NULL;
	km_error *err = km_capsule_open(path, &capsule);
	FILE *sink = err ? NULL : fopen("/dev/null", "w");
	struct km_session *session = sink ? km_session_new(km_capsule_target(capsule)) : NULL;
	size_t first, count = choose(data, len, &first);

	for (size_t i = 0; session && i < count; i++)
		ask(session, questions[(first + i) % QUESTIONS], path, sink);
	km_session_free(session);
	if (sink)
		fclose(sink);
	km_capsule_close(capsule);
	km_error_free(err);
	close(fd);
	return 0;
}
