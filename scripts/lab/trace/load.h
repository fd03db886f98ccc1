/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The load: virtual machines that fault in every way that fast_page_fault() distinguishes.
 */
#ifndef LOAD_H
#define LOAD_H

/* In the vCPU's area: the seed, then the ranges of guest_*_random. */
#define PARAMETERS    0x4000
#define SEED	      0
#define RANGES	      16
#define RANGE_SHIFT   4
#define RANGE_BASE    0x10
#define RANGE_MASK    0x14
#define RANGE_WRITES  0x18
#define RANGE_FETCHES 0x1c

/* Where a page is written: its beginning may be code. */
#define WRITE_AT 0x40

/* Pages that vCPUs write to in step. */
#define HOT_BASE 0x4010000
#define HOT_SIZE 0x40000

#ifndef __ASSEMBLER__
/* Set up one virtual machine and change it forever; never returns. */
void load_run(const char *name, unsigned int seed);
#endif

#endif
