/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Symbols of a kernel given by its memory and VMCOREINFO: from its kallsyms, or from vmlinux. */
#ifndef KVMMMU_IMAGE_H
#define KVMMMU_IMAGE_H

#include "base/target.h"

struct km_image;

/*
 * @vmcoreinfo is copied; nothing is read yet. NULL if memory is exhausted. Free it with
 * km_image_free().
 */
struct km_image *km_image_new(struct km_target *target, const char *vmcoreinfo);
void km_image_free(struct km_image *image);

/*
 * Find a symbol in kallsyms, then in vmlinux: without CONFIG_KALLSYMS_ALL kallsyms contains no data
 * symbols. Return false if there is no such symbol.
 */
bool km_image_symbol(struct km_image *image, const char *name, uint64_t *addr);

/* Find the function of vmlinux that contains @addr, and the offset within it: in kallsyms or, if
 * that cannot be found, in vmlinux. */
bool km_image_symbol_at(struct km_image *image, uint64_t addr, char *name, size_t size,
			uint64_t *offset);

/*
 * Why kallsyms is not readable; NULL if it is, has not been read yet, or cannot be found (before
 * 6.0).
 */
const char *km_image_trouble(const struct km_image *image);

/* Return why the symbols of vmlinux are not available, with the kernel's release and build-id; NULL
 * if they are, or were not needed yet. */
km_error *km_image_no_symbols(const struct km_image *image);

#endif
