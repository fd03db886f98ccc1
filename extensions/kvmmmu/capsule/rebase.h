/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Capsules without the addresses that KASLR chose for the kernel's image and its modules: both are
 * moved, each as a whole, so that differences between addresses and offsets in pages stay.
 */
#ifndef KVMMMU_REBASE_H
#define KVMMMU_REBASE_H

#include "kernel/kernel.h"

/* A region of the kernel's address space, the part of it that is in use, and what is added there.
 */
struct km_rebase_region {
	uint64_t start, end;
	uint64_t low, high; /* low > high: nothing */
	uint64_t shift;
};

struct km_rebase {
	struct km_rebase_region image, modules;
};

/*
 * Move the lowest address of the image that is known to where _text is without KASLR, and the
 * lowest one of a module to where modules begin.
 */
void km_rebase_init(struct km_rebase *rebase, const struct km_kernel *kernel,
		    const struct km_recorder *rec);

/* Return where @addr is moved to: itself, if it is in neither region. @rebase may be NULL. */
uint64_t km_rebased(const struct km_rebase *rebase, uint64_t addr);

/* Move the symbols, and the addresses in the stacks and tasks; not those of the items. */
void km_rebase_recorded(const struct km_rebase *rebase, struct km_recorder *rec);

/*
 * Move the pointers in @bytes, a copy of @before, which were recorded as @item: aligned words with
 * an address that is in use, but for members that are known to be numbers.
 */
void km_rebase_item(const struct km_rebase *rebase, const struct km_item *item,
		    const uint8_t *before, uint8_t *bytes);

#endif
