// SPDX-License-Identifier: GPL-2.0-or-later
#include "render.h"

#include <inttypes.h>
#include <json-c/json.h>

static struct json_object *value_json(const struct km_value *value)
{
	char hex[24];

	switch (value->kind) {
	case KM_V_NONE:
		return NULL;
	case KM_V_TEXT:
		return json_object_new_string(value->text);
	case KM_V_DEC:
		return json_object_new_uint64(value->number);
	case KM_V_SIGNED:
		return json_object_new_int64((int64_t)value->number);
	case KM_V_BOOL:
		return json_object_new_boolean(value->number != 0);
	case KM_V_HEX:
		snprintf(hex, sizeof(hex), "0x%" PRIx64, value->number);
		return json_object_new_string(hex);
	}
	return NULL;
}

/* The array @key of @object, made at first use. */
static struct json_object *array_of(struct json_object *object, const char *key)
{
	struct json_object *array;

	if (!json_object_object_get_ex(object, key, &array)) {
		array = json_object_new_array();
		json_object_object_add(object, key, array);
	}
	return array;
}

static struct json_object *section_json(const struct km_node *section);

static struct json_object *list_json(const struct km_node *list)
{
	struct json_object *array = json_object_new_array();

	for (const struct km_node *n = list->first; n; n = n->next)
		json_object_array_add(array, section_json(n));
	return array;
}

static struct json_object *table_json(const struct km_node *table)
{
	struct json_object *array = json_object_new_array();

	for (const struct km_node *row = table->first; row; row = row->next) {
		const struct km_node *column = table->first;
		struct json_object *object;

		if (row->kind != KM_N_ROW)
			continue;
		object = json_object_new_object();
		for (const struct km_node *cell = row->first; cell && column; cell = cell->next) {
			if (column->key)
				json_object_object_add(object, column->key,
						       value_json(&cell->value));
			column = column->next;
		}
		json_object_array_add(array, object);
	}
	return array;
}

static void add_children(struct json_object *object, const struct km_node *parent);

static struct json_object *finding_json(const struct km_node *finding)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "id", json_object_new_string(finding->key));
	json_object_object_add(object, "certainty",
			       json_object_new_string(km_certainty_text(finding->certainty)));
	json_object_object_add(object, "text", value_json(&finding->value));
	add_children(object, finding);
	return object;
}

/* What has no key is for people only. */
static void add_children(struct json_object *object, const struct km_node *parent)
{
	for (const struct km_node *n = parent->first; n; n = n->next) {
		switch (n->kind) {
		case KM_N_SECTION:
			json_object_object_add(object, n->key, section_json(n));
			break;
		case KM_N_LIST:
			json_object_object_add(object, n->key, list_json(n));
			break;
		case KM_N_TABLE:
			if (n->key)
				json_object_object_add(object, n->key, table_json(n));
			break;
		case KM_N_FIELD:
			if (n->key)
				json_object_object_add(object, n->key, value_json(&n->value));
			break;
		case KM_N_NOTE:
			json_object_array_add(array_of(object, n->key ? n->key : "notes"),
					      value_json(&n->value));
			break;
		case KM_N_FINDING:
			json_object_array_add(array_of(object, "findings"), finding_json(n));
			break;
		default:
			break;
		}
	}
}

static struct json_object *section_json(const struct km_node *section)
{
	struct json_object *object = json_object_new_object();

	add_children(object, section);
	return object;
}

void km_render_json(const struct km_document *doc, FILE *out)
{
	struct json_object *object = section_json(km_document_root((struct km_document *)doc));

	fprintf(out, "%s\n",
		json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
							       JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}
