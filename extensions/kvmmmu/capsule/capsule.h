/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A capsule as a target: the bytes it holds, and no others. */
#ifndef KVMMMU_CAPSULE_H
#define KVMMMU_CAPSULE_H

#include "capsule_format.h"

struct km_capsule;

struct km_capsule_range {
	uint64_t addr, len;
	const uint8_t *bytes; /* NULL: pages that were not in the dump */
	bool phys;
};

/* Is @path a capsule, packed or not? False also if it can't be read. */
bool km_is_capsule(const char *path);

/*
 * Opens the capsule @path; the caller calls km_capsule_close(). KM_EUSAGE: no such file; KM_EDATA:
 * it is damaged, or of a format that this version does not know.
 */
km_error *km_capsule_open(const char *path, struct km_capsule **capsule);
void km_capsule_close(struct km_capsule *capsule);

struct km_target *km_capsule_target(struct km_capsule *capsule);
const struct km_manifest *km_capsule_manifest(const struct km_capsule *capsule);

/* The note of stacks as it stands there; NULL: it has none. */
const char *km_capsule_stacks(const struct km_capsule *capsule, size_t *len);

/* In order: the virtual ones, then the physical ones. */
const struct km_capsule_range *km_capsule_ranges(const struct km_capsule *capsule, size_t *count);

/*
 * KM_EDATA if the capsule has bytes that are part of nothing: beside its manifest's values, or in
 * its notes. Ranges and types are for others to check.
 */
km_error *km_capsule_check_form(const struct km_capsule *capsule);

#endif
