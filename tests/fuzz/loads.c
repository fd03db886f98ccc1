// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer target: the input as the headers of an ELF dump. Segments and notes must be sorted and
 * within the file.
 */
#include "bytes.h"
#include "dump/elf_core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char path[32];
	int fd = bytes_file(data, len, path);
	struct km_elf_core core;
	uint64_t offset, run;
	struct km_file file;
	km_error *err;

	if (!km_file_init(&file, fd))
		abort();
	err = km_elf_core_read(&file, &core);

	for (size_t i = 0; !err && i < core.load_count; i++) {
		const struct km_elf_load *load = &core.loads[i];

		if (load->end <= load->start || (i && load->start < load[-1].end))
			abort();
		if (load->offset > len || load->end - load->start > len - load->offset)
			abort();
		if (!km_elf_core_find(&core, load->end - 1, &offset, &run) || run != 1 ||
		    offset != load->offset + (load->end - 1 - load->start))
			abort();
	}
	for (size_t i = 0; !err && i < core.note_count; i++) {
		if (core.notes[i].at > len || core.notes[i].size > len - core.notes[i].at)
			abort();
	}
	km_elf_core_free(&core);
	km_error_free(err);
	close(fd);
	return 0;
}
