/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing capsules. */
#ifndef KVMMMU_CAPSULE_WRITE_H
#define KVMMMU_CAPSULE_WRITE_H

#include "capsule_format.h"
#include "memory.h"

/* How large it became. */
struct km_capsule_size {
	size_t packed, unpacked;
	size_t ranges; /* of bytes */
};

/*
 * Writes what @rec noted (sorted) and its bytes, read anew from @mem, to @path: whole, or on any
 * error not at all. The same contents give the same file (with zlib: capsule_format.h). KM_EUSAGE:
 * the file can't be written.
 */
km_error *km_capsule_write(const char *path, struct km_memory *mem, const struct km_recorder *rec,
			   const struct km_manifest *manifest, struct km_capsule_size *size);

#endif
