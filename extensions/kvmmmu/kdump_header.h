/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The headers of a kdump-compressed dump (makedumpfile's, QEMU's, not flattened): 64-bit ones, and
 * 32-bit ones as QEMU writes them while CPU 0 is in real mode.
 */
#ifndef KVMMMU_KDUMP_HEADER_H
#define KVMMMU_KDUMP_HEADER_H

#include "error.h"

#include <stdbool.h>
#include <stdint.h>

struct km_kdump_header {
	uint64_t start_pfn, end_pfn; /* that this file is about; end is the first behind */
	uint64_t bitmap, descs;	     /* where in the file: a bit a page, a descriptor a set bit */
	uint64_t notes, notes_size;  /* in the file; size 0: none */
};

/* Does the file @fd begin like a kdump-compressed one? */
bool km_kdump_header_is(int fd);

/*
 * Reads them. The bitmap and the notes are in the file; descriptors and pages may not
 * be, if it was cut off. KM_EDATA: they contradict themselves or the file's size, or are not those
 * of an x86 machine.
 */
km_error *km_kdump_header_read(int fd, struct km_kdump_header *header);

#endif
