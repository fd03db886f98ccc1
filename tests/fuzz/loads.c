// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer target: any bytes as the headers of an ELF dump. What is said to be in it is in order,
 * and in the file.
 */
#include "../../extensions/cli/elf_loads.h"
#include "bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char path[32];
	int fd = bytes_file(data, len, path);
	struct elf_loads loads;
	km_error *err = elf_loads_read(fd, &loads);

	for (size_t i = 0; !err && i < loads.count; i++) {
		const struct elf_load *load = &loads.list[i];

		if (load->end < load->start || (i && load->start <= load[-1].end))
			abort();
		if (load->end > load->start &&
		    (!elf_loads_hold(&loads, load->start, load->end - load->start) ||
		     elf_loads_hold(&loads, load->end, 1)))
			abort();
	}
	elf_loads_free(&loads);
	km_error_free(err);
	close(fd);
	return 0;
}
