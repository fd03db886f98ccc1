/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks JSON from a file for keys that nothing reads, which could hide data or take memory. */
#ifndef KVMMMU_JSON_KEYS_H
#define KVMMMU_JSON_KEYS_H

#include "base/error.h"

struct json_object;

/*
 * Check that @object is an object without other keys than the NULL-terminated @keys. KM_EDATA: it
 * is not; @what names it in the text.
 */
km_error *km_json_check_keys(struct json_object *object, const char *what, const char *const *keys);

#endif
