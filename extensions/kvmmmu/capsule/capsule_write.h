/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes capsules. */
#ifndef KVMMMU_CAPSULE_WRITE_H
#define KVMMMU_CAPSULE_WRITE_H

#include "capsule/capsule_format.h"
#include "capsule/rebase.h"
#include "base/memory.h"
#include "base/output.h"

/* The size of a written capsule. */
struct km_capsule_size {
	size_t packed, unpacked;
	size_t ranges; /* of bytes */
};

/*
 * Write the items that @rec recorded (sorted), with their bytes read again from @mem, to @to
 * with km_output_write(); nothing is written on an error. The same contents give the same file
 * (capsule_format.h). Items and pointers are moved by @rebase (NULL: none); symbols and stacks have
 * been moved by km_rebase_recorded(). rec->saved is freed as soon as it is printed. KM_EWRITE: the
 * file cannot be written.
 */
km_error *km_capsule_write(const struct km_output *to, struct km_memory *mem,
			   struct km_recorder *rec, const struct km_manifest *manifest,
			   const struct km_rebase *rebase, struct km_capsule_size *size);

#endif
