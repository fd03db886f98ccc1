// SPDX-License-Identifier: GPL-2.0-or-later
#include "capsule/capsule_types.h"

#include "types/btf_closure.h"
#include "capsule/btf_make.h"
#include "types/btf_types.h"

#include <stdlib.h>
#include <string.h>

/* Twins within twins: two are known. */
#define MAX_TURNS 16

static km_error *out_of_memory(void)
{
	return km_errorf(KM_ENOMEM, "out of memory");
}

static bool same_member(const struct km_member *a, const struct km_member *b)
{
	return a->offset == b->offset && a->size == b->size && a->count == b->count &&
	       a->elem == b->elem && a->bit_off == b->bit_off && a->bit_size == b->bit_size &&
	       a->is_signed == b->is_signed && a->is_bool == b->is_bool;
}

/* Check that the blob gives the same sizes and members as the layout. */
static km_error *compare(struct km_layout *layout, const void *blob, size_t len)
{
	struct km_types *types;
	km_error *err = km_btf_open(blob, len, NULL, "types of the capsule", &types);

	for (int id = 0; !err && id < KM_TYPE_IDS; id++) {
		uint32_t size = 0, ours = km_layout_sizeof(layout, id);

		if (ours)
			err = km_types_sizeof(types, km_layout_tag(layout, id), &size);
		if (!err && size != ours)
			err = km_errorf(KM_EDATA, "size of %s is wrong in the capsule's types",
					km_layout_tag(layout, id));
	}
	for (int id = 0; !err && id < KM_MEMBER_IDS; id++) {
		struct km_member member;
		const char *tag, *path;

		if (!km_layout_path(layout, id, &tag, &path))
			continue;
		err = km_types_member(types, tag, path, &member);
		if (!err && !same_member(&member, km_layout_member(layout, id)))
			err = km_errorf(KM_EDATA, "%s.%s is wrong in the capsule's types", tag,
					path);
	}
	km_types_free(types);
	return err;
}

/* Copy the layout's structures from @types, whole, with everything that they contain. */
static km_error *copy_layout(struct km_layout *layout, struct km_types *types,
			     struct km_closure *closure)
{
	km_error *err = NULL;

	for (int id = 0; !err && id < KM_TYPE_IDS; id++) {
		if (km_layout_sizeof(layout, id))
			err = km_types_copy(types, km_layout_tag(layout, id), closure);
	}
	return err;
}

static km_error *take_blob(const void *data, size_t size, void **blob, size_t *len)
{
	*blob = data ? malloc(size) : NULL;
	if (!*blob)
		return out_of_memory();
	memcpy(*blob, data, size);
	*len = size;
	return NULL;
}

/*
 * In kernels whose BTF was not fully deduplicated (6.12, 7.2) some structures exist twice: one is
 * found by name, the other is a member of another structure. Copy the blob by names again until
 * nothing is dropped, so that everything in it can be found.
 */
static km_error *drop_twins(struct km_layout *layout, void **blob, size_t *len)
{
	size_t before = 0;
	km_error *err = NULL;

	for (unsigned turns = 0; !err && *len != before; turns++) {
		struct km_closure *closure;
		struct km_types *types = NULL;
		void *old = *blob;
		const void *data;
		size_t size;

		if (turns == MAX_TURNS)
			return km_errorf(KM_EDATA, "damaged BTF: endlessly nested types");
		err = km_closure_new(&closure);
		if (err)
			return err;
		before = *len;
		err = km_btf_open(old, before, NULL, "types of the capsule", &types);
		if (!err)
			err = copy_layout(layout, types, closure);
		if (!err) {
			data = km_closure_data(closure, &size);
			err = take_blob(data, size, blob, len);
			if (err)
				*blob = old;
			else
				free(old);
		}
		km_types_free(types);
		km_closure_free(closure);
	}
	return err;
}

km_error *km_closure_of_layout(struct km_layout *layout, void **blob, size_t *len, bool *made)
{
	struct km_closure *closure;
	size_t size;
	km_error *err = km_closure_new(&closure);

	*blob = NULL;
	*made = false;
	if (err)
		return err;
	err = copy_layout(layout, km_layout_types(layout), closure);
	km_types_copied(km_layout_types(layout));
	if (err && km_error_code(err) == KM_EABSENT) {
		km_error_free(err);
		*made = true;
		err = km_btf_make(layout, blob, len);
	} else if (!err) {
		const void *data = km_closure_data(closure, &size);

		err = take_blob(data, size, blob, len);
		if (!err)
			err = drop_twins(layout, blob, len);
	}
	km_closure_free(closure);
	if (!err)
		err = compare(layout, *blob, *len);
	if (err) {
		free(*blob);
		*blob = NULL;
	}
	return err;
}
