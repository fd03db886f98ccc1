// SPDX-License-Identifier: GPL-2.0-or-later
#include "types/btf_closure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH   64
#define MAX_SOURCES 8
#define IN_PROGRESS UINT32_MAX

/* The ids that a source's types have in the closure; 0: not there. */
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

/* Find the source that contains type @id itself: lower ids are those of its base. */
static km_error *source_of(struct km_closure *c, const struct km_btf_source *from, uint32_t id,
			   struct source **source)
{
	struct source *s;

	while (from->base && id < from->graph->first)
		from = from->base;
	for (size_t i = 0; i < c->source_count; i++) {
		*source = &c->sources[i];
		if ((*source)->btf == from->btf)
			return NULL;
	}
	if (c->source_count == MAX_SOURCES)
		return km_errorf(KM_EDATA, "too many type sources");
	s = &c->sources[c->source_count];
	s->btf = from->btf;
	s->count = btf__type_cnt(from->btf);
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

static km_error *copy(struct km_closure *c, const struct km_btf_source *from, uint32_t id,
		      unsigned depth, uint32_t *number);

/* Add a declaration, "struct kvm;". */
static km_error *declare(struct km_closure *c, const struct km_btf_source *from, uint32_t id,
			 uint32_t *number)
{
	const struct btf_type *type = btf__type_by_id(from->btf, id);
	struct source *source;
	km_error *err = source_of(c, from, id, &source);

	if (err)
		return err;
	if (!source->declared[id]) {
		err = added(btf__add_fwd(c->out, btf__name_by_offset(from->btf, type->name_off),
					 btf_is_union(type) ? BTF_FWD_UNION : BTF_FWD_STRUCT),
			    &source->declared[id]);
		if (err)
			return err;
	}
	*number = source->declared[id];
	return NULL;
}

/* Copy what a pointer refers to: integers as they are, structures as declarations, else void. */
static km_error *copy_pointee(struct km_closure *c, const struct km_btf_source *from, uint32_t id,
			      unsigned depth, uint32_t *number)
{
	const struct btf_type *type = btf__type_by_id(from->btf, id);

	for (unsigned i = 0; i < MAX_DEPTH && type && (btf_is_mod(type) || btf_is_typedef(type));
	     i++) {
		id = type->type;
		type = btf__type_by_id(from->btf, id);
	}
	*number = 0;
	if (!type || !id)
		return NULL;
	switch (btf_kind(type)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return type->name_off ? declare(c, from, id, number) : NULL;
	case BTF_KIND_FWD:
	case BTF_KIND_INT:
	case BTF_KIND_PTR:
		return copy(c, from, id, depth, number);
	default:
		return NULL;
	}
}

/* Add @type unchanged. The caller then updates its references. */
static km_error *add_raw(struct km_closure *c, const struct km_btf_source *from,
			 const struct btf_type *type, uint32_t *number, struct btf_type **made)
{
	km_error *err = added(btf__add_type(c->out, from->btf, type), number);

	if (!err)
		*made = (struct btf_type *)(uintptr_t)btf__type_by_id(c->out, *number);
	return err;
}

static km_error *copy_composite(struct km_closure *c, const struct km_btf_source *from,
				const struct btf_type *type, unsigned depth, uint32_t *number)
{
	uint16_t count = btf_vlen(type);
	uint32_t *members = calloc(count + 1u, sizeof(*members));
	struct btf_type *made;
	km_error *err = members ? NULL : out_of_memory();

	for (uint16_t i = 0; i < count && !err; i++)
		err = copy(c, from, btf_members(type)[i].type, depth, &members[i]);
	if (!err)
		err = add_raw(c, from, type, number, &made);
	for (uint16_t i = 0; i < count && !err; i++)
		btf_members(made)[i].type = members[i];
	free(members);
	return err;
}

static km_error *copy_array(struct km_closure *c, const struct km_btf_source *from,
			    const struct btf_type *type, unsigned depth, uint32_t *number)
{
	uint32_t elem, index;
	struct btf_type *made;
	km_error *err = copy(c, from, btf_array(type)->type, depth, &elem);

	if (!err)
		err = copy(c, from, btf_array(type)->index_type, depth, &index);
	if (!err)
		err = add_raw(c, from, type, number, &made);
	if (err)
		return err;
	btf_array(made)->type = elem;
	btf_array(made)->index_type = index;
	return NULL;
}

static km_error *copy_reference(struct km_closure *c, const struct km_btf_source *from,
				const struct btf_type *type, unsigned depth, uint32_t *number)
{
	uint32_t to;
	struct btf_type *made;
	km_error *err = btf_is_ptr(type) ? copy_pointee(c, from, type->type, depth, &to)
					 : copy(c, from, type->type, depth, &to);

	if (!err)
		err = add_raw(c, from, type, number, &made);
	if (!err)
		made->type = to;
	return err;
}

static km_error *copy_kind(struct km_closure *c, const struct km_btf_source *from,
			   const struct btf_type *type, unsigned depth, uint32_t *number)
{
	struct btf_type *made;

	switch (btf_kind(type)) {
	case BTF_KIND_INT:
	case BTF_KIND_FLOAT:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_FWD:
		return add_raw(c, from, type, number, &made);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return copy_composite(c, from, type, depth, number);
	case BTF_KIND_ARRAY:
		return copy_array(c, from, type, depth, number);
	case BTF_KIND_PTR:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
		return copy_reference(c, from, type, depth, number);
	default: /* functions have no size */
		*number = 0;
		return NULL;
	}
}

static km_error *copy(struct km_closure *c, const struct km_btf_source *from, uint32_t id,
		      unsigned depth, uint32_t *number)
{
	const struct btf_type *type = btf__type_by_id(from->btf, id);
	struct source *source;
	size_t at;
	km_error *err;

	*number = 0;
	if (!id)
		return NULL;
	if (!type || depth == MAX_DEPTH)
		return km_errorf(KM_EDATA, "damaged BTF: endlessly nested types");
	err = source_of(c, from, id, &source);
	if (err)
		return err;
	if (source->whole[id] == IN_PROGRESS)
		return btf_is_ptr(type)
			       ? NULL
			       : km_errorf(KM_EDATA, "damaged BTF: a type that contains itself");
	if (!source->whole[id]) {
		source->whole[id] = IN_PROGRESS;
		at = (size_t)(source - c->sources);
		err = copy_kind(c, from, type, depth + 1, number);
		c->sources[at].whole[id] = err ? 0 : *number;
		return err;
	}
	*number = source->whole[id];
	return NULL;
}

km_error *km_closure_add(struct km_closure *closure, const struct km_btf_source *from, uint32_t id)
{
	uint32_t number;

	return copy(closure, from, id, 0, &number);
}
