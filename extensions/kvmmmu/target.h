/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a debugger lends us. crash, gdb, the stand-alone program and a capsule each implement one.
 * Nothing here writes: the target is only ever read.
 */
#ifndef KVMMMU_TARGET_H
#define KVMMMU_TARGET_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct km_target;

struct km_target_ops {
	/* Reads @len bytes at physical address @pa, all or nothing: KM_EREAD. */
	km_error *(*read_phys)(struct km_target *target, uint64_t pa, void *buf, size_t len);
	/* Reads @len bytes at kernel virtual address @va, all or nothing: KM_EREAD. */
	km_error *(*read_virt)(struct km_target *target, uint64_t va, void *buf, size_t len);
	/* Address of a symbol of the kernel proper, or of a module if the host knows it. */
	bool (*symbol)(struct km_target *target, const char *name, uint64_t *addr);
	/* Did the user press Ctrl-C since the command began? */
	bool (*interrupted)(struct km_target *target);
};

struct km_target {
	const struct km_target_ops *ops;
	const char *host;      /* "crash 9.0.2", "kvmmmu" */
	const char *name;      /* the dump's file name, "live" */
	const char *debug_dir; /* where the user says debuginfo is (file or folder), or NULL */
};

#endif
