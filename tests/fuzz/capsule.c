// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer target: the input as a capsule, compressed or not. If it opens, run every command on
 * it.
 */
#include "../run_line.h"
#include "bytes.h"
#include "capsule/capsule.h"

/* Write a capsule of the capsule to a file that is overwritten each time. */
static void capture(struct km_session *session, FILE *sink)
{
	static char path[] = "/tmp/kvmmmu-fuzz-XXXXXX";
	static int fd = -1;
	char line[80];

	if (fd < 0) {
		fd = mkstemp(path);
		close(fd);
	}
	snprintf(line, sizeof(line), "capture -o %s --force --with-names", path);
	run_line(session, line, sink, sink);
	unlink(path);
}

static void ask_all(struct km_session *session, const char *path, FILE *sink)
{
	static const char *const lines[] = {
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
	};
	char list[64];

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		run_line(session, lines[i], sink, sink);
	snprintf(list, sizeof(list), "capture --list %s", path);
	run_line(session, list, sink, sink);
	capture(session, sink);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char path[32];
	int fd = bytes_file(data, len, path);
	struct km_capsule *capsule = NULL;
	km_error *err = km_capsule_open(path, &capsule);
	FILE *sink = err ? NULL : fopen("/dev/null", "w");
	struct km_session *session = sink ? km_session_new(km_capsule_target(capsule)) : NULL;

	if (session)
		ask_all(session, path, sink);
	km_session_free(session);
	if (sink)
		fclose(sink);
	km_capsule_close(capsule);
	km_error_free(err);
	close(fd);
	return 0;
}
