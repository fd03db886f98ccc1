/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Read the records in the log buffer of the kernel: the ring buffer of printk() since 5.10. */
#ifndef KVMMMU_PRINTK_LOG_H
#define KVMMMU_PRINTK_LOG_H

#include "kernel/kernel.h"

#define KM_PRINTK_TEXT 2048 /* bytes of a record that are read */

struct km_printk_record {
	uint64_t seq;
	uint64_t ts_nsec; /* nanoseconds since boot */
	const char *text; /* terminated; may contain line feeds */
	size_t len;
};

struct km_printk_counts {
	uint64_t records;     /* that were read */
	uint64_t lost;	      /* whose pages are missing from the dump */
	uint64_t damaged;     /* that contradict themselves */
	uint64_t overwritten; /* that newer records have overwritten, as far as sequence numbers
				 show */
};

/*
 * Look at one record. Return how many bytes of its text, from the first, a capsule may contain; 0:
 * the record is not recorded. @names: the capsule may contain names and numbers of a guest, too.
 */
typedef size_t km_printk_fn(void *data, const struct km_printk_record *record, bool names);

/*
 * Pass every record, oldest first, to @fn, and count them in *@counts. What @fn returns decides
 * what the recorder notes; a capsule therefore has only some of the records. KM_EABSENT: this
 * kernel or its types have no such buffer, or the capsule does not contain it; KM_EREAD,
 * KM_EDATA: the buffer's head is not readable, or malformed; KM_EINTR. Mirrors prb_read_valid().
 */
km_error *km_printk_read(const struct km_kernel *kernel, km_printk_fn *fn, void *data,
			 struct km_printk_counts *counts);

#endif
