/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A capsule as a target: the bytes that it contains, and no others. */
#ifndef KVMMMU_CAPSULE_H
#define KVMMMU_CAPSULE_H

#include "base/opened.h"
#include "capsule/capsule_format.h"

struct km_capsule;

struct km_capsule_range {
	uint64_t addr, len;
	const uint8_t *bytes; /* NULL: pages that were missing from the dump */
	bool phys;
};

/*
 * Is @path a capsule, compressed or not? Also false if it cannot be opened. *@err is NULL, or the
 * reason why the file was opened but could not be read (KM_EREAD).
 */
bool km_is_capsule(const char *path, km_error **err);

/*
 * Open the capsule @path; close it with km_capsule_close(). KM_EREAD: it cannot be read; KM_EDATA:
 * it is damaged, exceeds a limit, or is of a format that this version does not know.
 */
km_error *km_capsule_open(const char *path, struct km_capsule **capsule);
void km_capsule_close(struct km_capsule *capsule);

/* The same, as a target that km_opened_close() closes. */
km_error *km_capsule_open_target(const char *path, struct km_opened *opened);

struct km_target *km_capsule_target(struct km_capsule *capsule);
const struct km_manifest *km_capsule_manifest(const struct km_capsule *capsule);

/* Return the text of the note of stacks; NULL if there is none. */
const char *km_capsule_stacks(const struct km_capsule *capsule, size_t *len);

/* Return the ranges, sorted: virtual ones, then physical ones. */
const struct km_capsule_range *km_capsule_ranges(const struct km_capsule *capsule, size_t *count);

/*
 * Check that manifest, notes and gzip header contain nothing but their values. Ranges and types are
 * checked by km_capsule_check(). KM_EDATA: they contain something else.
 */
km_error *km_capsule_check_form(const struct km_capsule *capsule);

#endif
