/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads everything that answers about a selection of VMs need, and records what was read: the
 * contents of a capsule. Run on a capsule it records the same, which proves what is in it.
 */
#ifndef KVMMMU_CAPTURE_H
#define KVMMMU_CAPTURE_H

#include "kernel/kernel.h"

#define KM_ALL	       (-1)
#define KM_CAPTURE_MAX 16384 /* page-table pages, 64 MiB: the maximum for a capsule */

struct km_capture_options {
	int64_t vm, vcpu; /* numbers, or KM_ALL */
	bool names;	  /* include process names */
	uint64_t limit;	  /* maximum number of page-table pages */
};

struct km_capture {
	struct km_recorder rec;
	uint64_t pages;	   /* page-table pages */
	uint64_t left_out; /* pages referenced by tables but not proven to be tables */
	bool limit_hit;
};

/*
 * Read and record. The lists of VMs and vCPUs with their counters are always recorded completely,
 * so that numbers do not change; names, MMUs, memslots, last exits and page tables only for the
 * selection. KM_EINTR, KM_ENOMEM. The caller calls km_capture_deinit() in either case.
 */
km_error *km_capture(struct km_kernel *kernel, const struct km_capture_options *options,
		     struct km_capture *capture);
void km_capture_deinit(struct km_capture *capture);

#endif
