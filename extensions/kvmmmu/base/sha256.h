/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA-256 of a file, so that a report names exactly the dump that it was made from. */
#ifndef KVMMMU_SHA256_H
#define KVMMMU_SHA256_H

#include <stdbool.h>
#include <stdint.h>

#define KM_SHA256_TEXT 65		    /* 64 hexadecimal digits and NUL */
#define KM_SHA256_MAX  ((uint64_t)64 << 20) /* bytes of a file; larger ones would take long */

/*
 * Write the SHA-256 of the file @path in hexadecimal to @text. Return false if it is not a regular
 * file, larger than KM_SHA256_MAX, or not readable, or if memory is out.
 */
bool km_sha256_of_file(const char *path, char text[KM_SHA256_TEXT]);

#endif
