// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer target: the input as a flattened dump. The rearranged file must not contain more data
 * than the input.
 */
#include "../../extensions/cli/flattened.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char header[4096] = {"makedumpfile\0\0\0\0"
					  "\0\0\0\0\0\0\0\1"
					  "\0\0\0\0\0\0\0\1"};
	int fd = memfd_create("flat", MFD_CLOEXEC), plain = -1;
	struct km_file file;
	struct stat st;
	km_error *err;

	if (fd < 0 || write(fd, header, sizeof(header)) < 0 || write(fd, data, len) < 0)
		abort();
	if (!km_file_init(&file, fd) || !flattened_is(&file))
		abort();
	err = flattened_rearrange(&file, "/dev/shm/flat", &plain);
	if (!err) {
		/* each piece may touch one page more than its size fills */
		if (fstat(plain, &st) || (uint64_t)st.st_blocks * 512 > len * 4096 + 4096)
			abort();
		close(plain);
	}
	km_error_free(err);
	close(fd);
	return 0;
}
