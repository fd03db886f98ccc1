/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes a file that the user named, for every option that does so. Existing files are only
 * overwritten if the user asked for it, and never the input.
 */
#ifndef KVMMMU_OUTPUT_H
#define KVMMMU_OUTPUT_H

#include "base/target.h"

struct km_output {
	const char *path; /* "-": standard output */
	bool force;	  /* --force: overwrite an existing file */
};

/*
 * Never overwrite the file that @fd is open on: it is input, also after it is closed. The last 64
 * such files count.
 */
void km_output_protect(int fd);

/* Is it standard output? Then messages must go to standard error. */
bool km_output_is_stdout(const struct km_output *to);

/*
 * Check, before a long analysis starts, that the file may be written: it does not exist or, with
 * @to->force, is a regular file; it is neither the dump nor any other file that this process reads
 * or has read. KM_EWRITE, with the reason. @target may be NULL.
 */
km_error *km_output_check(const struct km_output *to, const struct km_target *target);

/*
 * Write @len bytes, after the same check. They are written to a temporary file in the same folder,
 * which is then renamed: on an error an existing file stays as it was. An overwritten file keeps
 * its mode and owner; a new one is readable by its owner only, as it may contain kernel addresses.
 * KM_EWRITE.
 */
km_error *km_output_write(const struct km_output *to, const struct km_target *target,
			  const void *bytes, size_t len);

#endif
