// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/image.h"

#include "dump/elf_symbols.h"
#include "dump/kallsyms.h"
#include "dump/vmcoreinfo.h"

#include <stdlib.h>
#include <string.h>

struct km_image {
	struct km_target *target;
	char *vmcoreinfo;
	struct km_kallsyms *kallsyms;
	struct km_elf_symbols *vmlinux;
	bool kallsyms_tried, vmlinux_tried;
	km_error *trouble;
};

struct km_image *km_image_new(struct km_target *target, const char *vmcoreinfo)
{
	struct km_image *image = calloc(1, sizeof(*image));

	if (!image || !(image->vmcoreinfo = strdup(vmcoreinfo))) {
		free(image);
		return NULL;
	}
	image->target = target;
	return image;
}

void km_image_free(struct km_image *image)
{
	if (!image)
		return;
	km_kallsyms_free(image->kallsyms);
	km_elf_symbols_free(image->vmlinux);
	km_error_free(image->trouble);
	free(image->vmcoreinfo);
	free(image);
}

const char *km_image_trouble(const struct km_image *image)
{
	return image->trouble ? km_error_text(image->trouble) : NULL;
}

static void try_kallsyms(struct km_image *image)
{
	struct km_memory *mem = km_memory_new(image->target);

	image->kallsyms_tried = true;
	if (!mem)
		return;
	image->trouble = km_kallsyms_read(mem, image->vmcoreinfo, &image->kallsyms);
	km_memory_free(mem);
}

static void try_vmlinux(struct km_image *image)
{
	char offset[32] = "0", release[65] = "", id[64] = "";

	image->vmlinux_tried = true;
	km_vmcoreinfo_line(image->vmcoreinfo, "KERNELOFFSET", offset, sizeof(offset));
	km_vmcoreinfo_line(image->vmcoreinfo, "OSRELEASE", release, sizeof(release));
	km_vmcoreinfo_line(image->vmcoreinfo, "BUILD-ID", id, sizeof(id));
	km_error_free(km_elf_symbols_read(image->target->debug_dir, release, id,
					  strtoull(offset, NULL, 16), &image->vmlinux));
}

bool km_image_symbol_at(struct km_image *image, uint64_t addr, char *name, size_t size,
			uint64_t *offset)
{
	if (!image->kallsyms_tried)
		try_kallsyms(image);
	return image->kallsyms &&
	       km_kallsyms_lookup_address(image->kallsyms, addr, name, size, offset);
}

bool km_image_symbol(struct km_image *image, const char *name, uint64_t *addr)
{
	if (!image->kallsyms_tried)
		try_kallsyms(image);
	if (image->kallsyms && km_kallsyms_lookup(image->kallsyms, name, addr))
		return true;
	if (!image->vmlinux_tried)
		try_vmlinux(image);
	return image->vmlinux && km_elf_symbols_lookup(image->vmlinux, name, addr);
}
