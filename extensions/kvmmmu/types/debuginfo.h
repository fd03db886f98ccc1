/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds the debuginfo of a kernel or module by build-id, and rejects that of any other build.
 */
#ifndef KVMMMU_DEBUGINFO_H
#define KVMMMU_DEBUGINFO_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Maximum size of a build-id; usually it is a SHA-1 of 20 bytes. */
#define KM_BUILD_ID_MAX 64

struct km_debuginfo_query {
	const uint8_t *build_id; /* in the dump */
	size_t build_id_len;	 /* 0: unknown; then only a file of the right name is accepted */
	const char *name;	 /* "vmlinux", "kvm", "kvm_amd"; '-' and '_' are equivalent */
	const char *release;	 /* "7.3.4+deb13-cloud-amd64", or NULL */
	const char *user_path;	 /* file or folder to search first, or NULL */
	const char *root;	 /* root of the usual places; NULL: "/" */
};

/* An ELF file in memory: mapped privately, or decompressed. No file stays open. */
struct km_debuginfo {
	char *path; /* for messages, and to find files in the same folder */
	void *image;
	size_t size;
	uint8_t build_id[KM_BUILD_ID_MAX];
	size_t build_id_len; /* 0: it has none */
};

/*
 * Find the ELF file with DWARF that @q describes: in user_path, in /usr/lib/debug, in /lib/modules,
 * and through debuginfod if $DEBUGINFOD_URLS is set. .xz, .zst and .gz are unpacked. The caller
 * calls km_debuginfo_deinit(). KM_EDEBUGINFO: there is none; if there is one of another build, the
 * text contains both build-ids.
 */
km_error *km_debuginfo_find(const struct km_debuginfo_query *q, struct km_debuginfo *info);

/* Open the ELF file @path, with or without DWARF. KM_EDEBUGINFO: it is not readable as ELF. */
km_error *km_debuginfo_init(struct km_debuginfo *info, const char *path);

/* @info may also be all zero, or already deinitialized. */
void km_debuginfo_deinit(struct km_debuginfo *info);

/*
 * KM_EDEBUGINFO: a file that is or was mapped could not be read everywhere; zeros were read
 * instead. Reported once.
 */
km_error *km_debuginfo_check(void);

/* Get section @name within the image. Return false if it is missing, empty or compressed. */
bool km_debuginfo_section(const struct km_debuginfo *info, const char *name, const void **data,
			  size_t *size);

#endif
