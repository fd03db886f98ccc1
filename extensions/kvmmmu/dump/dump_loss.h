/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why a dump file may lack pages that the kernel had, as its headers and its length show. */
#ifndef KVMMMU_DUMP_LOSS_H
#define KVMMMU_DUMP_LOSS_H

#include <stdbool.h>
#include <stdint.h>

struct km_dump_loss {
	bool incomplete; /* makedumpfile marked the file: it could not write all of it */
	bool cut_off;	 /* the file is shorter than its headers claim */
	uint32_t level;	 /* makedumpfile's -d; 0: none, or the format does not record it */
};

/*
 * Return the reason in words, for the line about missing pages; NULL: the file shows none. Only
 * bit 8 of a dump level (pages of user space) is a reason: makedumpfile up to 1.7.8 takes slab
 * pages of kernels that it does not support for such pages.
 */
const char *km_dump_loss_text(const struct km_dump_loss *loss);

#endif
