/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves that a capsule contains nothing but what the analysis reads. */
#ifndef KVMMMU_CAPSULE_CHECK_H
#define KVMMMU_CAPSULE_CHECK_H

#include "capsule/capsule.h"
#include "capsule/capture.h"

/* A range in the capsule that the analysis does not read. */
struct km_stray {
	uint64_t addr, len;
	bool phys;
};

struct km_capsule_check {
	struct km_capture capture; /* what the analysis reads of the capsule */
	struct km_stray *strays;
	size_t stray_count;
	char *trouble; /* the first surplus among symbols, types and notes, or NULL */
};

/*
 * Capture again from the capsule, and compare. @kernel is opened on the capsule's target. Errors as
 * km_capture(). The caller calls km_capsule_check_deinit() in either case.
 */
km_error *km_capsule_check(const struct km_capsule *capsule, struct km_kernel *kernel,
			   struct km_capsule_check *check);
void km_capsule_check_deinit(struct km_capsule_check *check);

#endif
