// SPDX-License-Identifier: GPL-2.0-or-later
#include "capsule/capsule_format.h"

#include "base/json_keys.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STYLE	 (JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE)
#define MAX_TEXT 4096 /* of one value */

static const char *const build_id_keys[] = {"vmlinux", "kvm", "vendor_module", NULL};

/* An object that is built; @ok becomes false if memory is exhausted. */
struct builder {
	struct json_object *object;
	bool ok;
};

static struct builder begin(void)
{
	struct json_object *object = json_object_new_object();

	return (struct builder){object, object};
}

/* Take over @value, which may be NULL only if it @is_null. */
static void add(struct builder *to, const char *key, struct json_object *value, bool is_null)
{
	to->ok = to->ok && (value || is_null) && !json_object_object_add(to->object, key, value);
	if (!to->ok)
		json_object_put(value);
}

static void put(struct builder *to, const char *key, const char *text)
{
	add(to, key, text ? json_object_new_string(text) : NULL, !text);
}

static void put_number(struct builder *to, const char *key, uint64_t number)
{
	add(to, key, json_object_new_uint64(number), false);
}

static void put_bool(struct builder *to, const char *key, bool yes)
{
	add(to, key, json_object_new_boolean(yes), false);
}

/* Put what has been built into another object. */
static void put_object(struct builder *to, const char *key, struct builder *object)
{
	to->ok = to->ok && object->ok;
	add(to, key, object->object, false);
}

static struct builder build_ids(const struct km_manifest *m)
{
	struct builder ids = begin();

	for (size_t i = 0; i < 3; i++)
		put(&ids, build_id_keys[i], m->kernel.build_ids[i]);
	return ids;
}

static struct builder build_symbols(const struct km_manifest *m)
{
	struct builder symbols = begin();
	char text[24];

	for (size_t i = 0; i < m->symbol_count; i++) {
		snprintf(text, sizeof(text), "0x%" PRIx64, m->symbols[i].addr);
		put(&symbols, m->symbols[i].name, text);
	}
	return symbols;
}

char *km_manifest_print(const struct km_manifest *m)
{
	struct builder all = begin(), ids = build_ids(m), symbols = build_symbols(m);
	const char *json = NULL;
	char text[64], *copy;

	put_number(&all, "format", m->format ? m->format : KM_CAPSULE_FORMAT);
	put(&all, "release", m->kernel.release);
	put(&all, "vendor", m->kernel.vendor);
	put_object(&all, "build_ids", &ids);
	put(&all, "types", m->kernel.types);
	put_bool(&all, "types_made", m->kernel.types_made);
	if (m->vcpu >= 0)
		snprintf(text, sizeof(text), "%" PRId64 ":%" PRId64, m->vm, m->vcpu);
	else
		snprintf(text, sizeof(text), "%" PRId64, m->vm);
	put(&all, "selection", m->vm >= 0 ? text : NULL);
	put_bool(&all, "names", m->kernel.names);
	put_number(&all, "page_table_pages", m->pages);
	put_number(&all, "page_limit", m->limit);
	put_bool(&all, "page_limit_hit", m->limit_hit);
	put_number(&all, "pages_left_out", m->left_out);
	put_number(&all, "symbol_pages_lost", m->kernel.symbol_pages_lost);
	put(&all, "vendor_trouble", m->kernel.vendor_trouble);
	if (m->kernel.redacted)
		put_bool(&all, "redacted", true);
	put_object(&all, "symbols", &symbols);
	errno = 0; /* json-c cuts off what it has no memory for, without an error */
	if (all.ok)
		json = json_object_to_json_string_ext(all.object, STYLE);
	copy = json && errno != ENOMEM ? strdup(json) : NULL;
	json_object_put(all.object);
	return copy;
}

/* Return the value of @key if it is of @type; else NULL. */
static struct json_object *get(struct json_object *from, const char *key, enum json_type type)
{
	struct json_object *value;

	return json_object_object_get_ex(from, key, &value) && json_object_is_type(value, type)
		       ? value
		       : NULL;
}

static const char *get_text(struct json_object *from, const char *key)
{
	struct json_object *value = get(from, key, json_type_string);

	return value && json_object_get_string_len(value) < MAX_TEXT ? json_object_get_string(value)
								     : NULL;
}

static uint64_t get_number(struct json_object *from, const char *key)
{
	return json_object_get_uint64(get(from, key, json_type_int));
}

static bool get_bool(struct json_object *from, const char *key)
{
	return json_object_get_boolean(get(from, key, json_type_boolean));
}

/* null, "VM" or "VM:VCPU" */
static bool parse_selection(const char *text, struct km_manifest *m)
{
	char end;

	m->vm = m->vcpu = -1;
	if (!text)
		return true;
	if (strlen(text) > 20 || strspn(text, "0123456789:") != strlen(text))
		return false;
	return sscanf(text, "%9" SCNd64 ":%9" SCNd64 "%c", &m->vm, &m->vcpu, &end) ==
	       1 + (strchr(text, ':') != NULL);
}

static km_error *parse_symbols(struct json_object *from, struct km_manifest *m)
{
	int count = json_object_object_length(from);
	struct km_item_symbol *symbols = calloc((size_t)count + 1, sizeof(*symbols));

	if (!symbols)
		return km_errorf(KM_ENOMEM, "out of memory");
	m->symbols = symbols;
	json_object_object_foreach(from, name, value)
	{
		const char *text = json_object_is_type(value, json_type_string)
					   ? json_object_get_string(value)
					   : "";
		char *end;

		if (strncmp(text, "0x", 2) || strlen(text) > 18)
			return km_errorf(KM_EDATA, "manifest: bad symbol");
		symbols[m->symbol_count].name = name;
		symbols[m->symbol_count++].addr = strtoull(text, &end, 16);
		if (*end)
			return km_errorf(KM_EDATA, "manifest: bad symbol");
	}
	return NULL;
}

static km_error *parse(struct json_object *all, struct km_manifest *m)
{
	static const char *const keys[] = {"format",
					   "release",
					   "vendor",
					   "build_ids",
					   "types",
					   "types_made",
					   "selection",
					   "names",
					   "page_limit",
					   "page_table_pages",
					   "page_limit_hit",
					   "pages_left_out",
					   "symbols",
					   "vendor_trouble",
					   "symbol_pages_lost",
					   "redacted",
					   NULL};
	struct json_object *symbols = get(all, "symbols", json_type_object);
	struct json_object *ids = get(all, "build_ids", json_type_object);
	km_error *err = km_json_check_keys(all, "the manifest", keys);

	if (!err && ids)
		err = km_json_check_keys(ids, "build_ids of the manifest", build_id_keys);
	if (err)
		return err;

	m->format = (uint32_t)get_number(all, "format");
	if (!m->format || m->format > KM_CAPSULE_FORMAT)
		return km_errorf(KM_EDATA, "manifest: unknown format");
	m->kernel.release = get_text(all, "release");
	m->kernel.types = get_text(all, "types");
	if (!m->kernel.release || !m->kernel.types || !ids || !symbols ||
	    !parse_selection(get_text(all, "selection"), m))
		return km_errorf(KM_EDATA, "manifest: incomplete");
	m->kernel.vendor = get_text(all, "vendor");
	for (size_t i = 0; i < 3; i++)
		m->kernel.build_ids[i] = get_text(ids, build_id_keys[i]);
	m->kernel.types_made = get_bool(all, "types_made");
	m->kernel.names = get_bool(all, "names");
	m->kernel.redacted = get_bool(all, "redacted");
	m->pages = get_number(all, "page_table_pages");
	m->limit = get_number(all, "page_limit");
	m->limit_hit = get_bool(all, "page_limit_hit");
	m->left_out = get_number(all, "pages_left_out");
	m->kernel.symbol_pages_lost = get_number(all, "symbol_pages_lost");
	m->kernel.vendor_trouble = get_text(all, "vendor_trouble");
	return parse_symbols(symbols, m);
}

km_error *km_manifest_parse(const char *text, size_t len, struct km_manifest *m)
{
	struct json_tokener *tokener = len < INT32_MAX ? json_tokener_new() : NULL;
	struct json_object *all = NULL;
	bool no_memory;

	memset(m, 0, sizeof(*m));
	if (!tokener)
		return len < INT32_MAX ? km_errorf(KM_ENOMEM, "out of memory")
				       : km_errorf(KM_ELIMIT, "the manifest is too large");
	errno = 0;
	all = json_tokener_parse_ex(tokener, text, (int)len);
	no_memory = errno == ENOMEM;
	json_tokener_free(tokener);
	m->owned = all;
	/* json-c leaves out what it cannot allocate, without an error */
	return no_memory ? km_errorf(KM_ENOMEM, "out of memory") : parse(all, m);
}

void km_manifest_deinit(struct km_manifest *m)
{
	json_object_put(m->owned);
	free((void *)(uintptr_t)m->symbols);
	memset(m, 0, sizeof(*m));
}
