// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer target: the input as a dump file, opened as the program does. Reads a few pages by
 * physical address and, if possible, through the kernel's page tables.
 */
#include "../../extensions/cli/dump.h"
#include "../../extensions/cli/kdump_pages.h"
#include "bytes.h"
#include "dump/dump_notes.h"
#include "dump/elf_core.h"
#include "dump/kdump_header.h"

#define PAGES 64 /* to read */

static void ask(struct dump *dump)
{
	struct km_target *target = dump_target(dump);
	struct km_registers regs;
	unsigned char buf[5000];
	uint64_t addr;

	for (uint64_t pa = 0; pa < PAGES * 4096; pa += 4096)
		km_error_free(target->ops->read_phys(target, pa, buf, sizeof(buf)));
	for (unsigned cpu = 0; cpu < 3; cpu++)
		target->ops->registers(target, cpu, &regs);
	if (target->ops->symbol(target, "init_task", &addr))
		km_error_free(target->ops->read_virt(target, addr, buf, sizeof(buf)));
}

static void read_kdump(struct km_file *file)
{
	struct km_kdump_header header;
	struct kdump_pages *pages;
	km_error *err = kdump_pages_open(file, &pages);

	if (err) {
		km_error_free(err);
		return;
	}
	if (km_kdump_header_read(file, &header) || header.start_pfn > header.end_pfn)
		abort();
	for (uint64_t i = 0; i < PAGES; i++) {
		uint64_t pa = (header.start_pfn + i) * 4096;
		uint8_t bytes[5000];

		km_error_free(kdump_pages_read(pages, pa, bytes, 4096));
		km_error_free(kdump_pages_read(pages, header.end_pfn * 4096 - i * 4096 - 1, bytes,
					       sizeof(bytes)));
	}
	kdump_pages_close(pages);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char path[32];
	int fd = bytes_file(data, len, path);
	struct km_file file;
	struct dump *dump;
	km_error *err = dump_open(path, NULL, &dump);

	if (!err) {
		ask(dump);
		dump_close(dump);
	}
	km_error_free(err);
	if (!km_file_init(&file, fd))
		abort();
	if (km_kdump_header_is(&file))
		read_kdump(&file);
	free(km_dump_notes_vmcoreinfo(&file));
	close(fd);
	return 0;
}
