// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/json_build.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>

void km_json_put(struct json_object *to, const char *key, struct json_object *value, bool *ok)
{
	if (to && value && !json_object_object_add(to, key, value))
		return;
	json_object_put(value);
	*ok = false;
}

void km_json_put_null(struct json_object *to, const char *key, bool *ok)
{
	if (!to || json_object_object_add(to, key, NULL))
		*ok = false;
}

void km_json_push(struct json_object *to, struct json_object *value, bool *ok)
{
	if (to && value && !json_object_array_add(to, value))
		return;
	json_object_put(value);
	*ok = false;
}

static struct json_object *hex(uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, number);
	return json_object_new_string(text);
}

void km_json_put_hex(struct json_object *to, const char *key, uint64_t number, bool *ok)
{
	km_json_put(to, key, hex(number), ok);
}

void km_json_push_hex(struct json_object *to, uint64_t number, bool *ok)
{
	km_json_push(to, hex(number), ok);
}

const char *km_json_text(struct json_object *value, int style)
{
	const char *text;

	errno = 0; /* json-c truncates without an error if memory is exhausted */
	text = value ? json_object_to_json_string_ext(value, style) : NULL;
	return errno == ENOMEM ? NULL : text;
}
