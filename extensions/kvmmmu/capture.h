/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading everything that the answers about a selection of VMs need, and noting what was read: the
 * contents of a capsule. On a capsule it finds what its maker found, and so proves what is in it.
 */
#ifndef KVMMMU_CAPTURE_H
#define KVMMMU_CAPTURE_H

#include "kernel.h"

#define KM_ALL	       (-1)
#define KM_CAPTURE_MAX (1u << 18) /* page-table pages, 1 GiB: more is no capsule any more */

struct km_capture_options {
	int64_t vm, vcpu; /* numbers, or KM_ALL */
	bool names;	  /* of processes, too */
	uint64_t limit;	  /* page-table pages at most */
};

struct km_capture {
	struct km_recorder rec;
	uint64_t pages;	   /* page-table pages */
	uint64_t left_out; /* pages that tables point to and that were not proven to be tables */
	bool limit_hit;
};

/*
 * Reads and notes. Lists of VMs and vCPUs with their counters are noted whole, so that numbers
 * stay; names, MMUs, memslots, last exits and page tables only of the selection. Errors:
 * interrupted, out of memory. The caller calls km_capture_deinit() in either case.
 */
km_error *km_capture(struct km_kernel *kernel, const struct km_capture_options *options,
		     struct km_capture *capture);
void km_capture_deinit(struct km_capture *capture);

#endif
