/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which boot of a kernel a target shows, and which moment of it: whether two targets can be
 * compared at all.
 */
#ifndef KVMMMU_BOOT_H
#define KVMMMU_BOOT_H

#include "kernel/kernel.h"

/* One target; a number that is not known may be absent or not readable. */
struct km_boot {
	char release[65];
	char build_id[2 * KM_BUILD_ID_SIZE + 1]; /* of vmlinux; "": not known */
	/* /proc/sys/kernel/random/boot_id as two words; 0 if that file was never read */
	struct km_val id[2];
	/* chosen at random at each boot, with KASLR; 0: not known, as an answer is redacted */
	uint64_t page_offset_base, vmemmap_base;
	/* address of the variable; 0: not known, as a redacted capsule moves it */
	uint64_t vm_list;
	struct km_val jiffies;
	struct km_val seconds; /* after 1970 */
	struct km_val uptime;  /* in seconds */
};

/* Read it. Capsules of this version contain it; of earlier ones, most is unknown. */
void km_boot_read(const struct km_kernel *kernel, struct km_boot *boot);

enum km_same_boot {
	KM_BOOT_UNKNOWN, /* nothing distinguishes two boots, or nothing confirms one */
	KM_BOOT_SAME,
	KM_BOOT_DIFFERS,
};

/* How the boot and the moment of one target relate to those of another. */
struct km_boot_relation {
	enum km_same_boot same;
	char why[200];	   /* what shows that; a clause for people */
	bool order_known;  /* not if the boots differ */
	bool later;	   /* the second is later than the first */
	bool same_moment;  /* no tick of the clock in between */
	bool has_interval; /* by the uptime */
	uint64_t interval; /* seconds between them */
};

/* Compare two boots. Pure. */
void km_boot_compare(const struct km_boot *first, const struct km_boot *second,
		     struct km_boot_relation *relation);

/* Is the second the earlier one? If that is not known, it is not. */
bool km_boot_reversed(const struct km_boot_relation *relation);

/* Return "yes", "no" or "unknown". */
const char *km_same_boot_text(enum km_same_boot same);

#endif
