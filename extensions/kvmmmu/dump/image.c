// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/image.h"

#include "base/memo.h"
#include "dump/elf_symbols.h"
#include "dump/kallsyms.h"
#include "dump/vmcoreinfo.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_SIZE 160 /* for the name of a symbol in a memo; longer ones are not kept */

struct km_image {
	struct km_target *target;
	char *vmcoreinfo;
	struct km_memory *mem; /* that kallsyms reads */
	struct km_memo *memo;  /* of names that were looked up: the target's, or @own */
	struct km_memo *own;
	struct km_kallsyms *kallsyms;
	struct km_elf_symbols *vmlinux;
	bool kallsyms_tried, vmlinux_tried;
	km_error *trouble;
	km_error *no_vmlinux; /* why its symbols are not readable */
};

struct km_image *km_image_new(struct km_target *target, const char *vmcoreinfo)
{
	struct km_image *image = calloc(1, sizeof(*image));

	if (!image || !(image->vmcoreinfo = strdup(vmcoreinfo))) {
		free(image);
		return NULL;
	}
	image->target = target;
	image->own = target->memo ? NULL : km_memo_new();
	image->memo = target->memo ? target->memo : image->own;
	return image;
}

void km_image_free(struct km_image *image)
{
	if (!image)
		return;
	km_kallsyms_free(image->kallsyms);
	km_memory_free(image->mem);
	km_memo_free(image->own);
	km_elf_symbols_free(image->vmlinux);
	km_error_free(image->trouble);
	km_error_free(image->no_vmlinux);
	free(image->vmcoreinfo);
	free(image);
}

const char *km_image_trouble(const struct km_image *image)
{
	const km_error *trouble =
		image->kallsyms ? km_kallsyms_trouble(image->kallsyms) : image->trouble;

	return trouble && km_error_code(trouble) != KM_EABSENT ? km_error_text(trouble) : NULL;
}

km_error *km_image_no_symbols(const struct km_image *image)
{
	char release[65] = "?", id[64] = "not known";

	if (!image->no_vmlinux)
		return NULL;
	km_vmcoreinfo_line(image->vmcoreinfo, "OSRELEASE", release, sizeof(release));
	km_vmcoreinfo_line(image->vmcoreinfo, "BUILD-ID", id, sizeof(id));
	return km_errorf(km_error_code(image->no_vmlinux),
			 "Linux %s, build-id %s: %s, and there is no vmlinux: %s", release, id,
			 image->kallsyms ? "its kallsyms has no data symbols (CONFIG_KALLSYMS_ALL)"
					 : "the dump does not show where its symbols are "
					   "(VMCOREINFO does since 6.0)",
			 km_error_text(image->no_vmlinux));
}

static void try_kallsyms(struct km_image *image)
{
	image->kallsyms_tried = true;
	image->mem = km_memory_new(image->target);
	if (image->mem)
		image->trouble = km_kallsyms_read(image->mem, image->vmcoreinfo, &image->kallsyms);
}

static void try_vmlinux(struct km_image *image)
{
	char offset[32] = "0", release[65] = "", id[64] = "";

	image->vmlinux_tried = true;
	km_vmcoreinfo_line(image->vmcoreinfo, "KERNELOFFSET", offset, sizeof(offset));
	km_vmcoreinfo_line(image->vmcoreinfo, "OSRELEASE", release, sizeof(release));
	km_vmcoreinfo_line(image->vmcoreinfo, "BUILD-ID", id, sizeof(id));
	image->no_vmlinux = km_elf_symbols_read(image->target->debug_dir, release, id,
						strtoull(offset, NULL, 16), &image->vmlinux);
}

/* The symbols of kallsyms; NULL: it is not readable. Then nothing is kept: it may be next time. */
static struct km_kallsyms *kallsyms_of(struct km_image *image)
{
	if (!image->kallsyms_tried)
		try_kallsyms(image);
	return image->kallsyms;
}

/* A function and an offset in it, as a memo keeps them. */
struct place {
	uint64_t offset;
	char name[512]; /* KSYM_NAME_LEN */
};

/* Before 6.0, VMCOREINFO does not say where kallsyms is. */
static bool find_place_in_vmlinux(struct km_image *image, uint64_t addr, struct place *place)
{
	if (!image->vmlinux_tried)
		try_vmlinux(image);
	return image->vmlinux && km_elf_symbols_lookup_address(image->vmlinux, addr, place->name,
							       sizeof(place->name), &place->offset);
}

static bool find_place(struct km_image *image, uint64_t addr, struct place *place)
{
	struct km_memo *memo = image->target->memo;
	char key[KEY_SIZE];
	const void *kept;
	size_t len;

	snprintf(key, sizeof(key), "function %" PRIx64, addr);
	kept = km_memo_get(memo, key, &len);
	memset(place, 0, sizeof(*place));
	if (kept && len < sizeof(*place)) {
		memcpy(place, kept, len);
		return len;
	}
	if (!kallsyms_of(image))
		return find_place_in_vmlinux(image, addr, place);
	if (km_kallsyms_lookup_address(image->kallsyms, addr, place->name, sizeof(place->name),
				       &place->offset))
		len = offsetof(struct place, name) + strlen(place->name);
	else
		len = 0;
	if (len || !km_kallsyms_trouble(image->kallsyms))
		km_memo_put(memo, key, place, len);
	return len;
}

bool km_image_symbol_at(struct km_image *image, uint64_t addr, char *name, size_t size,
			uint64_t *offset)
{
	struct place place;

	if (!find_place(image, addr, &place))
		return false;
	snprintf(name, size, "%s", place.name);
	*offset = place.offset;
	return true;
}

static bool find_in_kallsyms(struct km_image *image, const char *name, uint64_t *addr)
{
	struct km_memo *memo = image->memo;
	char key[KEY_SIZE];
	bool fits = snprintf(key, sizeof(key), "symbol %s", name) < (int)sizeof(key), found;
	size_t len;
	const void *kept = fits ? km_memo_get(memo, key, &len) : NULL;

	if (kept && (!len || len == sizeof(*addr))) {
		memcpy(addr, kept, len);
		return len;
	}
	if (!kallsyms_of(image))
		return false;
	found = km_kallsyms_lookup(image->kallsyms, name, addr);
	if (fits && (found || !km_kallsyms_trouble(image->kallsyms)))
		km_memo_put(memo, key, addr, found ? sizeof(*addr) : 0);
	return found;
}

bool km_image_symbol(struct km_image *image, const char *name, uint64_t *addr)
{
	if (find_in_kallsyms(image, name, addr))
		return true;
	if (!image->vmlinux_tried)
		try_vmlinux(image);
	return image->vmlinux && km_elf_symbols_lookup(image->vmlinux, name, addr);
}
