/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel known by its memory and VMCOREINFO: its symbols, by its own kallsyms or its vmlinux's.
 */
#ifndef KVMMMU_IMAGE_H
#define KVMMMU_IMAGE_H

#include "target.h"

struct km_image;

/* @vmcoreinfo is copied; nothing is read yet. NULL when memory is out. */
struct km_image *km_image_new(struct km_target *target, const char *vmcoreinfo);
void km_image_free(struct km_image *image);

/* kallsyms first; data symbols are not in it without CONFIG_KALLSYMS_ALL: then vmlinux's own. */
bool km_image_symbol(struct km_image *image, const char *name, uint64_t *addr);

/* The function of the kernel proper that covers @addr, by kallsyms, and how far into it. */
bool km_image_symbol_at(struct km_image *image, uint64_t addr, char *name, size_t size,
			uint64_t *offset);

/* Why kallsyms was not readable; NULL: it was, or was not asked yet. */
const char *km_image_trouble(const struct km_image *image);

#endif
