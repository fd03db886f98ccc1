/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The headers of a kdump-compressed dump as makedumpfile and QEMU write it, not flattened: 64-bit,
 * or 32-bit as QEMU writes them while CPU 0 is in real mode.
 */
#ifndef KVMMMU_KDUMP_HEADER_H
#define KVMMMU_KDUMP_HEADER_H

#include "base/error.h"
#include "base/file_read.h"
#include "dump/dump_loss.h"

#include <stdbool.h>
#include <stdint.h>

struct km_kdump_header {
	uint64_t start_pfn, end_pfn; /* pages that this file describes; end is exclusive */
	uint64_t bitmap, descs;	     /* in the file: one bit per page, one descriptor per set bit */
	uint64_t notes, notes_size;  /* in the file; size 0: none */
	struct km_dump_loss loss;    /* without .cut_off, which follows from its pages */
};

/* Does @file start with the signature of a kdump-compressed dump? */
bool km_kdump_header_is(struct km_file *file);

/*
 * Read the headers of @file. On success the bitmap and the notes are within the file;
 * descriptors and pages may not be if it is truncated. KM_EDATA: the headers are inconsistent, do
 * not fit the file's size, or are not those of an x86 machine.
 */
km_error *km_kdump_header_read(struct km_file *file, struct km_kdump_header *header);

#endif
