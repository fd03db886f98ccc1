/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA-256 of bytes, and of a file, so that a report names exactly the dump that it was made from.
 */
#ifndef KVMMMU_SHA256_H
#define KVMMMU_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KM_SHA256_SIZE 32 /* bytes */
#define KM_SHA256_TEXT 65 /* 64 hexadecimal digits and NUL */
#define KM_SHA256_MAX                                                                              \
	((uint64_t)8 << 20) /* bytes of a file, which liblzma needs in memory, twice */

/* Get the SHA-256 of @len bytes. Return false if memory is exhausted. */
bool km_sha256(const void *bytes, size_t len, uint8_t digest[KM_SHA256_SIZE]);

/* Write @digest in hexadecimal to @text. */
void km_sha256_text(const uint8_t digest[KM_SHA256_SIZE], char text[KM_SHA256_TEXT]);

/*
 * Write the SHA-256 of the file @path in hexadecimal to @text. Return false if it is not a regular
 * file, larger than KM_SHA256_MAX, or not readable, or if memory is out.
 */
bool km_sha256_of_file(const char *path, char text[KM_SHA256_TEXT]);

#endif
