/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text from the target, made safe to print. Names of processes and files may hold any bytes: they
 * must not control a terminal or reorder a line, and the output must be valid UTF-8.
 */
#ifndef KVMMMU_PRINTABLE_H
#define KVMMMU_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define KM_NOT_UTF8 UINT32_MAX

/*
 * Decode the first character of the @len (> 0) bytes at @text into *@c and return how many bytes it
 * takes. A byte that does not begin a valid UTF-8 sequence (RFC 3629) counts alone: KM_NOT_UTF8.
 */
size_t km_utf8_decode(const char *text, size_t len, uint32_t *c);

/*
 * Return false for what may not reach a terminal: C0 and C1 controls, bidirectional controls, line
 * and paragraph separators, and KM_NOT_UTF8.
 */
bool km_is_printable(uint32_t c);

/* Write @len bytes of @text to @out; each character that is not printable is written as '?'. */
void km_put_printable(const char *text, size_t len, FILE *out);

/* Return the columns that km_put_printable() fills, with one column for each character. */
size_t km_printable_width(const char *text, size_t len);

/* Write one line of error to @out: "kvmmmu: TEXT". */
void km_print_error(const char *text, FILE *out);

#endif
