/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Builds JSON that is complete or absent: json-c silently drops what it cannot allocate. Each
 * function sets *@ok to false if memory is exhausted, and never to true.
 */
#ifndef KVMMMU_JSON_BUILD_H
#define KVMMMU_JSON_BUILD_H

#include <stdbool.h>
#include <stdint.h>

struct json_object;

/* Take over @value. NULL, as @to or as @value: it was not allocated. */
void km_json_put(struct json_object *to, const char *key, struct json_object *value, bool *ok);
void km_json_put_null(struct json_object *to, const char *key, bool *ok);
void km_json_push(struct json_object *to, struct json_object *value, bool *ok);

/* The same of a number, as text: "0x12". */
void km_json_put_hex(struct json_object *to, const char *key, uint64_t number, bool *ok);
void km_json_push_hex(struct json_object *to, uint64_t number, bool *ok);

/* Return the whole text, which lives as long as @value; NULL: out of memory, or @value is NULL. */
const char *km_json_text(struct json_object *value, int style);

#endif
