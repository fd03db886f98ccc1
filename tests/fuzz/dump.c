// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer target: any bytes as a dump in one of libkdumpfile's formats; if it opens, some memory.
 */
#include "../../extensions/cli/dump.h"
#include "../run_line.h"
#include "bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char path[32];
	int fd = bytes_file(data, len, path);
	struct dump *dump = NULL;
	km_error *err = dump_open(path, "/nonexistent", &dump);
	FILE *sink = err ? NULL : fopen("/dev/null", "w");

	if (sink) {
		struct km_session *session = km_session_new(dump_target(dump));
		struct km_target *target = dump_target(dump);
		uint8_t page[4096];

		for (uint64_t at = 0; at < 16; at++)
			km_error_free(target->ops->read_phys(target, at << 12, page, sizeof(page)));
		km_error_free(target->ops->read_virt(target, BYTES_BASE, page, sizeof(page)));
		run_line(session, "vms", sink, sink);
		km_session_free(session);
		fclose(sink);
	}
	dump_close(dump);
	km_error_free(err);
	close(fd);
	return 0;
}
