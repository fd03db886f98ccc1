// SPDX-License-Identifier: GPL-2.0-or-later
#include "capsule/btf_make.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FIELDS 128
#define MAX_PATH   128

/* The structure that is being built, and the layout's members in it. */
struct maker {
	struct km_layout *layout;
	struct btf *btf;
	const char *tag;
	const char *paths[MAX_FIELDS]; /* of the members in @tag */
	size_t count;
};

struct field {
	char name[MAX_PATH];
	uint64_t bits; /* offset from the start of the structure that is being built */
	uint8_t bit_size;
	int type;
};

static km_error *failed(const struct maker *m, int id)
{
	return id == -ENOMEM ? km_errorf(KM_ENOMEM, "out of memory")
			     : km_errorf(KM_EDATA, "BTF of %s: %s", m->tag, strerror(-id));
}

/* Add an integer or, for other sizes, a structure of which only the size is known. */
static int make_value(struct btf *btf, uint32_t size, bool is_signed, bool is_bool)
{
	static const char *const names[2][9] = {
		{[1] = "u8", [2] = "u16", [4] = "u32", [8] = "u64"},
		{[1] = "s8", [2] = "s16", [4] = "s32", [8] = "s64"}};
	const char *name = is_bool ? "bool" : size <= 8 ? names[is_signed][size] : NULL;
	int encoding = is_bool ? BTF_INT_BOOL : is_signed ? BTF_INT_SIGNED : 0;
	int id;

	if (!name)
		return btf__add_struct(btf, NULL, size);
	id = btf__find_by_name_kind(btf, name, BTF_KIND_INT);
	return id > 0 ? id : btf__add_int(btf, name, size, encoding);
}

static int make_array(struct btf *btf, int elem, const struct km_member *m)
{
	int index = make_value(btf, 4, false, false);

	if (elem < 0 || index < 0)
		return elem < 0 ? elem : index;
	return btf__add_array(btf, index, elem, m->count);
}

/* Is it an array? A flexible one has no count, but an element size other than its size. */
static bool is_array(const struct km_member *m)
{
	return m->count || m->elem != m->size;
}

static km_error *make_struct(struct maker *m, const char *name, const char *prefix, uint32_t offset,
			     uint32_t size, int *id);

/* Return the length of @prefix and the next word of @path, including "[3]" if there is one. */
static size_t word_length(const char *path, const char *prefix)
{
	return strlen(prefix) + strcspn(path + strlen(prefix), ".");
}

/* Build the type of @whole ("a.b"); @word may name one of its elements ("a.b[3]"). */
static km_error *make_nested(struct maker *m, const char *whole, const char *word,
			     const struct km_member *at, int *id)
{
	char prefix[MAX_PATH + 2];
	struct km_member first = *at;
	km_error *err = NULL;

	snprintf(prefix, sizeof(prefix), "%s.", word);
	if (strcmp(whole, word))
		err = km_types_member(km_layout_types(m->layout), m->tag, word, &first);
	if (!err)
		err = make_struct(m, NULL, prefix, first.offset, first.size, id);
	if (!err && is_array(at))
		*id = make_array(m->btf, *id, at);
	return err;
}

/* Build one field of the structure at @prefix: the one that is part of @path. */
static km_error *make_field(struct maker *m, const char *path, const char *prefix, uint32_t offset,
			    struct field *field)
{
	char word[MAX_PATH], whole[MAX_PATH];
	size_t len = word_length(path, prefix);
	struct km_member at;
	km_error *err;

	snprintf(word, sizeof(word), "%.*s", (int)len, path);
	snprintf(whole, sizeof(whole), "%s", word);
	if (whole[len - 1] == ']')
		*strrchr(whole, '[') = '\0';
	snprintf(field->name, sizeof(field->name), "%s", whole + strlen(prefix));
	err = km_types_member(km_layout_types(m->layout), m->tag, whole, &at);
	if (err)
		return err;
	if (at.offset < offset)
		return km_errorf(KM_EDATA, "%s.%s is outside its structure", m->tag, whole);
	field->bits = (at.offset - offset) * 8ull + at.bit_off;
	field->bit_size = at.bit_size;
	if (path[len])
		err = make_nested(m, whole, word, &at, &field->type);
	else if (is_array(&at))
		field->type =
			make_array(m->btf, make_value(m->btf, at.elem, at.is_signed, false), &at);
	else
		field->type = make_value(m->btf, at.size, at.is_signed, at.is_bool);
	return !err && field->type < 0 ? failed(m, field->type) : err;
}

static bool is_there(const struct field *fields, size_t count, const char *name, size_t len)
{
	for (size_t i = 0; i < count; i++) {
		if (!strncmp(fields[i].name, name, len) && !fields[i].name[len])
			return true;
	}
	return false;
}

/*
 * Return a path that goes on beyond the field of @path, whose name ends at @end; @path itself if
 * there is none.
 */
static const char *through(const struct maker *m, const char *path, size_t end)
{
	for (size_t i = 0; i < m->count; i++) {
		if (!strncmp(m->paths[i], path, end) &&
		    (m->paths[i][end] == '.' || m->paths[i][end] == '['))
			return m->paths[i];
	}
	return path;
}

/* Build the structure at @prefix ("" for all of @tag, else "a.b."), @offset bytes into @tag. */
static km_error *make_struct(struct maker *m, const char *name, const char *prefix, uint32_t offset,
			     uint32_t size, int *id)
{
	struct field *fields = calloc(m->count + 1, sizeof(*fields));
	size_t count = 0;
	km_error *err = fields ? NULL : km_errorf(KM_ENOMEM, "out of memory");
	int code = 0;

	for (size_t i = 0; i < m->count && !err; i++) {
		const char *path = m->paths[i], *rest = path + strlen(prefix);
		size_t len;

		if (strncmp(path, prefix, strlen(prefix)))
			continue;
		len = strcspn(rest, ".[");
		if (is_there(fields, count, rest, len))
			continue;
		path = through(m, path, strlen(prefix) + len);
		err = make_field(m, path, prefix, offset, &fields[count++]);
	}
	if (!err)
		code = *id = btf__add_struct(m->btf, name, size);
	for (size_t i = 0; i < count && !err && code >= 0; i++)
		code = btf__add_field(m->btf, fields[i].name, fields[i].type,
				      (uint32_t)fields[i].bits, fields[i].bit_size);
	free(fields);
	return !err && code < 0 ? failed(m, code) : err;
}

/* Build a structure of which only the size is used. Without a member it would be a declaration. */
static km_error *make_unread(const struct maker *m, uint32_t size)
{
	int bytes = btf__add_struct(m->btf, NULL, size);
	int code = bytes < 0 ? bytes : btf__add_struct(m->btf, m->tag, size);

	if (code >= 0)
		code = btf__add_field(m->btf, "unread", bytes, 0, 0);
	return code < 0 ? failed(m, code) : NULL;
}

static km_error *make_type(struct km_layout *layout, struct btf *btf, enum km_type_id type)
{
	struct maker m = {.layout = layout, .btf = btf, .tag = km_layout_tag(layout, type)};
	const char *tag, *path;
	int id;

	for (int member = 0; member < KM_MEMBER_IDS; member++) {
		if (km_member_type(member) != type || !km_layout_path(layout, member, &tag, &path))
			continue;
		if (m.count == MAX_FIELDS || strlen(path) >= MAX_PATH)
			return km_errorf(KM_EDATA, "too many members in %s", m.tag);
		m.paths[m.count++] = path;
	}
	if (m.count)
		return make_struct(&m, m.tag, "", 0, km_layout_sizeof(layout, type), &id);
	return make_unread(&m, km_layout_sizeof(layout, type));
}

km_error *km_btf_make(struct km_layout *layout, void **blob, size_t *len)
{
	struct btf *btf = btf__new_empty();
	const void *data;
	uint32_t size;
	km_error *err = btf ? NULL : km_errorf(KM_ENOMEM, "out of memory");

	for (int type = 0; type < KM_TYPE_IDS && !err; type++) {
		if (km_layout_sizeof(layout, type))
			err = make_type(layout, btf, type);
	}
	if (!err) {
		data = btf__raw_data(btf, &size);
		*blob = data ? malloc(size) : NULL;
		if (*blob)
			memcpy(*blob, data, size);
		else
			err = km_errorf(KM_ENOMEM, "out of memory");
		*len = size;
	}
	btf__free(btf);
	return err;
}
