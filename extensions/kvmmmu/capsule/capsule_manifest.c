// SPDX-License-Identifier: GPL-2.0-or-later
#include "capsule/capsule_format.h"

#include "base/json_build.h"
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

/* NULL: it is not known, which is null in the manifest. */
static void put_text(struct json_object *to, const char *key, const char *text, bool *ok)
{
	if (text)
		km_json_put(to, key, json_object_new_string(text), ok);
	else
		km_json_put_null(to, key, ok);
}

static void put_number(struct json_object *to, const char *key, uint64_t number, bool *ok)
{
	km_json_put(to, key, json_object_new_uint64(number), ok);
}

static void put_bool(struct json_object *to, const char *key, bool yes, bool *ok)
{
	km_json_put(to, key, json_object_new_boolean(yes), ok);
}

static struct json_object *build_ids(const struct km_manifest *m, bool *ok)
{
	struct json_object *ids = json_object_new_object();

	for (size_t i = 0; i < 3; i++)
		put_text(ids, build_id_keys[i], m->kernel.build_ids[i], ok);
	return ids;
}

static struct json_object *build_symbols(const struct km_manifest *m, bool *ok)
{
	struct json_object *symbols = json_object_new_object();

	for (size_t i = 0; i < m->symbol_count; i++)
		km_json_put_hex(symbols, m->symbols[i].name, m->symbols[i].addr, ok);
	return symbols;
}

char *km_manifest_print(const struct km_manifest *m)
{
	struct json_object *all = json_object_new_object();
	const char *json;
	char text[64], *copy;
	bool ok = true;

	put_number(all, "format", m->format ? m->format : KM_CAPSULE_FORMAT, &ok);
	put_text(all, "release", m->kernel.release, &ok);
	put_text(all, "vendor", m->kernel.vendor, &ok);
	km_json_put(all, "build_ids", build_ids(m, &ok), &ok);
	put_text(all, "types", m->kernel.types, &ok);
	put_bool(all, "types_made", m->kernel.types_made, &ok);
	if (m->kernel.vcpu >= 0)
		snprintf(text, sizeof(text), "%" PRId64 ":%" PRId64, m->kernel.vm, m->kernel.vcpu);
	else
		snprintf(text, sizeof(text), "%" PRId64, m->kernel.vm);
	put_text(all, "selection", m->kernel.vm >= 0 ? text : NULL, &ok);
	put_bool(all, "names", m->kernel.names, &ok);
	put_number(all, "page_table_pages", m->pages, &ok);
	put_number(all, "page_limit", m->limit, &ok);
	put_bool(all, "page_limit_hit", m->limit_hit, &ok);
	put_number(all, "pages_left_out", m->left_out, &ok);
	put_number(all, "symbol_pages_lost", m->kernel.symbol_pages_lost, &ok);
	put_text(all, "vendor_trouble", m->kernel.vendor_trouble, &ok);
	if (m->kernel.redacted)
		put_bool(all, "redacted", true, &ok);
	km_json_put(all, "symbols", build_symbols(m, &ok), &ok);
	json = ok ? km_json_text(all, STYLE) : NULL;
	copy = json ? strdup(json) : NULL;
	json_object_put(all);
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

	m->kernel.vm = m->kernel.vcpu = -1;
	if (!text)
		return true;
	if (strlen(text) > 20 || strspn(text, "0123456789:") != strlen(text))
		return false;
	return sscanf(text, "%9" SCNd64 ":%9" SCNd64 "%c", &m->kernel.vm, &m->kernel.vcpu, &end) ==
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
