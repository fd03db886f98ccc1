// SPDX-License-Identifier: GPL-2.0-or-later
#include "btf_closure.h"

#include "btf_make.h"
#include "btf_types.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH   64
#define MAX_SOURCES 8
#define IN_PROGRESS UINT32_MAX

/* The numbers that types of a source have in the closure; 0: not there. */
struct source {
	const struct btf *btf;
	uint32_t count;
	uint32_t *whole, *declared;
};

struct km_closure {
	struct btf *out;
	struct source sources[MAX_SOURCES];
	size_t source_count;
};

static km_error *out_of_memory(void)
{
	return km_errorf(KM_ENOMEM, "out of memory");
}

km_error *km_closure_new(struct km_closure **closure)
{
	struct km_closure *c = calloc(1, sizeof(*c));

	if (!c || !(c->out = btf__new_empty())) {
		free(c);
		return out_of_memory();
	}
	*closure = c;
	return NULL;
}

void km_closure_free(struct km_closure *closure)
{
	if (!closure)
		return;
	for (size_t i = 0; i < closure->source_count; i++) {
		free(closure->sources[i].whole);
		free(closure->sources[i].declared);
	}
	btf__free(closure->out);
	free(closure);
}

const void *km_closure_data(struct km_closure *closure, size_t *len)
{
	uint32_t size;
	const void *data = btf__raw_data(closure->out, &size);

	*len = data ? size : 0;
	return data;
}

/* The source that holds type @id itself: types before its own are those of the base. */
static km_error *source_of(struct km_closure *c, const struct btf *btf, uint32_t id,
			   struct source **source)
{
	const struct btf *base;
	struct source *s;

	while ((base = btf__base_btf(btf)) && id < btf__type_cnt(base))
		btf = base;
	for (size_t i = 0; i < c->source_count; i++) {
		*source = &c->sources[i];
		if ((*source)->btf == btf)
			return NULL;
	}
	if (c->source_count == MAX_SOURCES)
		return km_errorf(KM_EDATA, "types from too many sources");
	s = &c->sources[c->source_count];
	s->btf = btf;
	s->count = btf__type_cnt(btf);
	s->whole = calloc(s->count, sizeof(*s->whole));
	s->declared = calloc(s->count, sizeof(*s->declared));
	if (!s->whole || !s->declared) {
		free(s->whole);
		free(s->declared);
		return out_of_memory();
	}
	c->source_count++;
	*source = s;
	return NULL;
}

static km_error *added(int id, uint32_t *number)
{
	if (id < 0)
		return id == -ENOMEM ? out_of_memory()
				     : km_errorf(KM_EDATA, "BTF: %s", strerror(-id));
	*number = (uint32_t)id;
	return NULL;
}

static km_error *copy(struct km_closure *c, const struct btf *btf, uint32_t id, unsigned depth,
		      uint32_t *number);

/* "struct kvm;" */
static km_error *declare(struct km_closure *c, const struct btf *btf, uint32_t id, uint32_t *number)
{
	const struct btf_type *type = btf__type_by_id(btf, id);
	struct source *source;
	km_error *err = source_of(c, btf, id, &source);

	if (err)
		return err;
	if (!source->declared[id]) {
		err = added(btf__add_fwd(c->out, btf__name_by_offset(btf, type->name_off),
					 btf_is_union(type) ? BTF_FWD_UNION : BTF_FWD_STRUCT),
			    &source->declared[id]);
		if (err)
			return err;
	}
	*number = source->declared[id];
	return NULL;
}

/* What a pointer leads to: plain values as they are, structures declared, all else void. */
static km_error *copy_pointee(struct km_closure *c, const struct btf *btf, uint32_t id,
			      unsigned depth, uint32_t *number)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	for (unsigned i = 0; i < MAX_DEPTH && type && (btf_is_mod(type) || btf_is_typedef(type));
	     i++) {
		id = type->type;
		type = btf__type_by_id(btf, id);
	}
	*number = 0;
	if (!type || !id)
		return NULL;
	switch (btf_kind(type)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return type->name_off ? declare(c, btf, id, number) : NULL;
	case BTF_KIND_FWD:
	case BTF_KIND_INT:
	case BTF_KIND_PTR:
		return copy(c, btf, id, depth, number);
	default:
		return NULL;
	}
}

/* Adds @type as it stands; what it refers to is put right by the caller. */
static km_error *add_raw(struct km_closure *c, const struct btf *btf, const struct btf_type *type,
			 uint32_t *number, struct btf_type **made)
{
	km_error *err = added(btf__add_type(c->out, btf, type), number);

	if (!err)
		*made = (struct btf_type *)(uintptr_t)btf__type_by_id(c->out, *number);
	return err;
}

static km_error *copy_composite(struct km_closure *c, const struct btf *btf,
				const struct btf_type *type, unsigned depth, uint32_t *number)
{
	uint16_t count = btf_vlen(type);
	uint32_t *members = calloc(count + 1u, sizeof(*members));
	struct btf_type *made;
	km_error *err = members ? NULL : out_of_memory();

	for (uint16_t i = 0; i < count && !err; i++)
		err = copy(c, btf, btf_members(type)[i].type, depth, &members[i]);
	if (!err)
		err = add_raw(c, btf, type, number, &made);
	for (uint16_t i = 0; i < count && !err; i++)
		btf_members(made)[i].type = members[i];
	free(members);
	return err;
}

static km_error *copy_array(struct km_closure *c, const struct btf *btf,
			    const struct btf_type *type, unsigned depth, uint32_t *number)
{
	uint32_t elem, index;
	struct btf_type *made;
	km_error *err = copy(c, btf, btf_array(type)->type, depth, &elem);

	if (!err)
		err = copy(c, btf, btf_array(type)->index_type, depth, &index);
	if (!err)
		err = add_raw(c, btf, type, number, &made);
	if (err)
		return err;
	btf_array(made)->type = elem;
	btf_array(made)->index_type = index;
	return NULL;
}

static km_error *copy_reference(struct km_closure *c, const struct btf *btf,
				const struct btf_type *type, unsigned depth, uint32_t *number)
{
	uint32_t to;
	struct btf_type *made;
	km_error *err = btf_is_ptr(type) ? copy_pointee(c, btf, type->type, depth, &to)
					 : copy(c, btf, type->type, depth, &to);

	if (!err)
		err = add_raw(c, btf, type, number, &made);
	if (!err)
		made->type = to;
	return err;
}

static km_error *copy_kind(struct km_closure *c, const struct btf *btf, const struct btf_type *type,
			   unsigned depth, uint32_t *number)
{
	struct btf_type *made;

	switch (btf_kind(type)) {
	case BTF_KIND_INT:
	case BTF_KIND_FLOAT:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_FWD:
		return add_raw(c, btf, type, number, &made);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return copy_composite(c, btf, type, depth, number);
	case BTF_KIND_ARRAY:
		return copy_array(c, btf, type, depth, number);
	case BTF_KIND_PTR:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
		return copy_reference(c, btf, type, depth, number);
	default: /* functions have no size */
		*number = 0;
		return NULL;
	}
}

static km_error *copy(struct km_closure *c, const struct btf *btf, uint32_t id, unsigned depth,
		      uint32_t *number)
{
	const struct btf_type *type = btf__type_by_id(btf, id);
	struct source *source;
	size_t at;
	km_error *err;

	*number = 0;
	if (!id)
		return NULL;
	if (!type || depth == MAX_DEPTH)
		return km_errorf(KM_EDATA, "damaged BTF: types nest without end");
	err = source_of(c, btf, id, &source);
	if (err)
		return err;
	if (source->whole[id] == IN_PROGRESS)
		return btf_is_ptr(type)
			       ? NULL
			       : km_errorf(KM_EDATA, "damaged BTF: a type that is made of itself");
	if (!source->whole[id]) {
		source->whole[id] = IN_PROGRESS;
		at = (size_t)(source - c->sources);
		err = copy_kind(c, btf, type, depth + 1, number);
		c->sources[at].whole[id] = err ? 0 : *number;
		return err;
	}
	*number = source->whole[id];
	return NULL;
}

km_error *km_closure_add(struct km_closure *closure, const struct btf *btf, uint32_t id)
{
	uint32_t number;

	return copy(closure, btf, id, 0, &number);
}

static bool same_member(const struct km_member *a, const struct km_member *b)
{
	return a->offset == b->offset && a->size == b->size && a->count == b->count &&
	       a->elem == b->elem && a->bit_off == b->bit_off && a->bit_size == b->bit_size &&
	       a->is_signed == b->is_signed;
}

/* Does the blob say of every member and size what the layout says? */
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

/* Copies from @types what the layout knows: whole structures and all that they are made of. */
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
 * Kernels whose BTF was not wholly deduplicated (6.12, 7.2) have a structure twice: the one that
 * has the name, and the one inside another structure. Who reads the blob by names finds one of
 * them: so it is copied until nothing is left that no name leads to.
 */
static km_error *drop_twins(struct km_layout *layout, void **blob, size_t *len)
{
	km_error *err = NULL;

	for (size_t before = 0; !err && *len != before;) {
		struct km_closure *closure;
		struct km_types *types = NULL;
		void *old = *blob;
		const void *data;
		size_t size;

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
