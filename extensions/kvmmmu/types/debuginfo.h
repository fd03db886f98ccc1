/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds the debuginfo of a kernel or module by build-id, and refuses that of any other build.
 */
#ifndef KVMMMU_DEBUGINFO_H
#define KVMMMU_DEBUGINFO_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest build-id that we look at; SHA-1's 20 bytes are usual. */
#define KM_BUILD_ID_MAX 64

struct km_debuginfo_query {
	const uint8_t *build_id; /* as the dump has it */
	size_t build_id_len;	 /* 0: unknown, then only a file of the right name is taken */
	const char *name;	 /* "vmlinux", "kvm", "kvm_amd"; '-' and '_' are the same */
	const char *release;	 /* "7.3.4+deb13-cloud-amd64", or NULL */
	const char *user_path;	 /* file or folder to look in first, or NULL */
	const char *root;	 /* folder that the usual places are below; NULL: "/" */
};

/* An ELF file in memory: mapped privately, or decompressed. No file stays open. */
struct km_debuginfo {
	char *path; /* for people, and to find what lies beside it */
	void *image;
	size_t size;
	uint8_t build_id[KM_BUILD_ID_MAX];
	size_t build_id_len; /* 0: it has none */
};

/*
 * Looks for an ELF file with DWARF in it that @q describes: in the user's place, in /usr/lib/debug,
 * in /lib/modules, and at debuginfod if $DEBUGINFOD_URLS is set. .xz, .zst and .gz are unpacked.
 * @info needs km_debuginfo_deinit(). KM_EDEBUGINFO if there is none; if there is one of another
 * build, the text has both build-ids.
 */
km_error *km_debuginfo_find(const struct km_debuginfo_query *q, struct km_debuginfo *info);

/* Opens the ELF file @path, whatever it has in it. KM_EDEBUGINFO if it can't be read as ELF. */
km_error *km_debuginfo_init(struct km_debuginfo *info, const char *path);

/* Fine on what was never opened, if it is all zero, and twice. */
void km_debuginfo_deinit(struct km_debuginfo *info);

/* Bytes of section @name within the image; false if there are none or if they are compressed. */
bool km_debuginfo_section(const struct km_debuginfo *info, const char *name, const void **data,
			  size_t *size);

#endif
