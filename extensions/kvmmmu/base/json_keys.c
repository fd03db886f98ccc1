// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/json_keys.h"

#include <json-c/json.h>
#include <string.h>

km_error *km_json_check_keys(struct json_object *object, const char *what, const char *const *keys)
{
	if (!json_object_is_type(object, json_type_object))
		return km_errorf(KM_EDATA, "%s is not a JSON object", what);
	json_object_object_foreach(object, key, value)
	{
		const char *const *known = keys;

		(void)value;
		while (*known && strcmp(*known, key))
			known++;
		if (!*known)
			return km_errorf(KM_EDATA, "%s has an unknown key \"%.40s\"", what, key);
	}
	return NULL;
}
