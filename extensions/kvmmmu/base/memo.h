/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was found out about a dump, by key ("symbol modules"), so that it is found out once. Packed,
 * it is a file's contents that a later process can use for the same dump.
 */
#ifndef KVMMMU_MEMO_H
#define KVMMMU_MEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KM_MEMO_MAX ((size_t)128 << 20) /* bytes of all keys and values */

struct km_memo;

/* Return an empty memo, NULL if memory is exhausted. Free it with km_memo_free(). */
struct km_memo *km_memo_new(void);
void km_memo_free(struct km_memo *memo);

/*
 * Return the value of @key, at an address that is a multiple of 8, and its length in bytes in
 * *@len; valid until @memo is freed. NULL: there is none. @memo may be NULL.
 */
const void *km_memo_get(const struct km_memo *memo, const char *key, size_t *len);

/*
 * Keep a copy of the @len bytes at @value, unless @key has a value already, memory is exhausted, or
 * @memo has KM_MEMO_MAX bytes or is NULL.
 */
void km_memo_put(struct km_memo *memo, const char *key, const void *value, size_t len);

/* Has something been put into it since it was new, or unpacked? */
bool km_memo_changed(const struct km_memo *memo);

/*
 * Write it into *@bytes, which the caller frees, with a digest. Return false if memory is
 * exhausted.
 */
bool km_memo_pack(const struct km_memo *memo, uint8_t **bytes, size_t *len);

/* Return the memo that was packed into @bytes; NULL if a byte differs, or memory is exhausted. */
struct km_memo *km_memo_unpack(const uint8_t *bytes, size_t len);

#endif
