// SPDX-License-Identifier: GPL-2.0-or-later
#include "types/btf_types.h"
#include "types/btf_closure.h"
#include "types/typepath.h"

#include <stdlib.h>
#include <string.h>

struct km_btf {
	struct km_types types;
	struct km_btf_graph graph;
	struct km_btf_source source; /* of the graph */
	/* open-addressed hash table of types by tag; 0: free. Built at first use. */
	uint32_t *names;
	size_t cap;
};

static const struct km_types_ops btf_ops;

static struct km_btf *btf_of(struct km_types *types)
{
	return (struct km_btf *)types;
}

static km_error *damaged(const char *how)
{
	return km_errorf(KM_EDATA, "damaged BTF: %s", how);
}

static const char *name_of(const struct km_btf *btf, uint32_t offset)
{
	return km_btf_name(&btf->graph, offset);
}

/* ---- names ---- */

/* Can the type be found by its tag? Declarations, and types in .BTF.base that only have a size,
 * cannot. */
static bool is_tagged(const struct btf_type *type)
{
	switch (btf_kind(type)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return type->name_off && (btf_vlen(type) || !type->size);
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		return type->name_off && btf_vlen(type);
	case BTF_KIND_TYPEDEF:
		return true;
	default:
		return false;
	}
}

static uint32_t *slot(const struct km_btf *btf, const char *name)
{
	uint32_t hash = 2166136261u;
	size_t i;

	for (const char *p = name; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 16777619u;
	for (i = hash & (btf->cap - 1); btf->names[i]; i = (i + 1) & (btf->cap - 1))
		if (!strcmp(name_of(btf, km_btf_type(&btf->graph, btf->names[i])->name_off), name))
			break;
	return &btf->names[i];
}

static km_error *index_names(struct km_btf *btf)
{
	size_t n = 0;

	for (uint32_t id = btf->graph.first; id < btf->graph.extent.end_id; id++)
		n += is_tagged(km_btf_type(&btf->graph, id));
	for (btf->cap = 64; btf->cap < 2 * n; btf->cap *= 2)
		;
	btf->names = calloc(btf->cap, sizeof(*btf->names));
	if (!btf->names)
		return km_errorf(KM_ENOMEM, "out of memory");
	for (uint32_t id = btf->graph.first; id < btf->graph.extent.end_id; id++) {
		const struct btf_type *type = km_btf_type(&btf->graph, id);
		uint32_t *at;

		if (!is_tagged(type))
			continue;
		at = slot(btf, name_of(btf, type->name_off));
		/* the first type of a name is kept, but a struct replaces a typedef */
		if (!*at ||
		    (btf_is_typedef(km_btf_type(&btf->graph, *at)) && !btf_is_typedef(type)))
			*at = id;
	}
	return NULL;
}

static km_error *find_tag(struct km_btf *btf, const char *tag, uint32_t *id)
{
	km_error *err = btf->names ? NULL : index_names(btf);

	if (err)
		return err;
	*id = *slot(btf, tag);
	return *id ? NULL : km_errorf(KM_EABSENT, "no type %s", tag);
}

/* ---- the graph of types ---- */

/* Strip typedefs and qualifiers. */
static km_error *peel(const struct km_btf *btf, uint32_t id, const struct btf_type **type)
{
	for (int depth = 0; depth < KM_TYPE_DEPTH; depth++) {
		*type = km_btf_type(&btf->graph, id);
		if (!*type)
			return damaged("a reference to a type that does not exist");
		switch (btf_kind(*type)) {
		case BTF_KIND_TYPEDEF:
		case BTF_KIND_VOLATILE:
		case BTF_KIND_CONST:
		case BTF_KIND_RESTRICT:
		case BTF_KIND_TYPE_TAG:
			id = (*type)->type;
			continue;
		default:
			return NULL;
		}
	}
	return damaged("a type that contains itself");
}

static bool is_signed_int(const struct km_btf *btf, const struct btf_type *type)
{
	/* pahole does not mark char as signed */
	return btf_int_encoding(type) & BTF_INT_SIGNED &&
	       strcmp(name_of(btf, type->name_off), "char");
}

static km_error *shape_of(const struct km_btf *btf, uint32_t id, int depth, struct km_shape *shape)
{
	const struct btf_type *type;
	struct km_shape elem;
	km_error *err;

	if (depth >= KM_TYPE_DEPTH)
		return damaged("an array that contains itself");
	err = peel(btf, id, &type);
	if (err)
		return err;
	*shape = (struct km_shape){};
	switch (btf_kind(type)) {
	case BTF_KIND_INT:
		shape->size = type->size;
		shape->is_signed = is_signed_int(btf, type);
		shape->is_bool = btf_int_encoding(type) & BTF_INT_BOOL;
		return NULL;
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		shape->size = type->size;
		shape->is_signed = btf_kflag(type);
		return NULL;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_FLOAT:
		shape->size = type->size;
		return NULL;
	case BTF_KIND_PTR:
		shape->size = 8;
		return NULL;
	case BTF_KIND_ARRAY:
		break;
	case BTF_KIND_FWD:
		return km_errorf(KM_EABSENT, "%s is only declared", name_of(btf, type->name_off));
	default: /* void, functions */
		return NULL;
	}
	err = shape_of(btf, btf_array(type)->type, depth + 1, &elem);
	if (err)
		return err;
	*shape = (struct km_shape){
		.is_array = true,
		.count = btf_array(type)->nelems,
		.elem_size = elem.size,
		.elem_type = btf_array(type)->type,
		.is_signed = elem.is_signed,
	};
	/* an array of arrays, without a typedef between, has two dimensions */
	if (elem.is_array && btf_is_array(km_btf_type(&btf->graph, btf_array(type)->type))) {
		shape->elem_size = elem.elem_size;
		shape->elem_type = elem.elem_type;
		if (__builtin_mul_overflow(shape->count, elem.count, &shape->count))
			return damaged("an array of impossible size");
	}
	if (__builtin_mul_overflow(shape->count, shape->elem_size, &shape->size))
		return damaged("an array of impossible size");
	return NULL;
}

static km_error *graph_shape(struct km_types *types, uint64_t id, struct km_shape *shape)
{
	return shape_of(btf_of(types), id, 0, shape);
}

/* Get the bit offset of member @i of @type and, if it is a bit-field, its width. */
static km_error *member_bits(const struct km_btf *btf, const struct btf_type *type, uint32_t i,
			     uint64_t *bits, uint32_t *bit_size)
{
	const struct btf_type *of;
	km_error *err;

	*bits = btf_member_bit_offset(type, i);
	*bit_size = btf_member_bitfield_size(type, i);
	if (btf_kflag(type))
		return NULL;
	/* before pahole 1.13 a bit-field was an integer with its own width */
	err = peel(btf, btf_members(type)[i].type, &of);
	if (!err && btf_is_int(of) && btf_int_bits(of) && btf_int_bits(of) < of->size * 8) {
		*bits += btf_int_offset(of);
		*bit_size = btf_int_bits(of);
	}
	return err;
}

static km_error *find_field(const struct km_btf *btf, uint32_t id, const char *name, size_t len,
			    int depth, unsigned int *visits, struct km_field *field, bool *found)
{
	const struct btf_type *type;
	km_error *err;

	err = peel(btf, id, &type);
	if (err || !btf_is_composite(type))
		return err;
	for (uint32_t i = 0; i < btf_vlen(type) && !*found; i++) {
		const struct btf_member *member = &btf_members(type)[i];
		const char *member_name = name_of(btf, member->name_off);
		uint64_t bits;
		uint32_t bit_size;

		if (depth >= KM_TYPE_DEPTH || ++*visits > KM_TYPE_VISITS)
			return damaged("a structure that contains itself");
		if (*member_name && (strncmp(member_name, name, len) || member_name[len]))
			continue;
		err = member_bits(btf, type, i, &bits, &bit_size);
		if (err)
			return err;
		if (*member_name) {
			*found = true;
			*field = (struct km_field){member->type, bits, bit_size};
			return NULL;
		}
		err = find_field(btf, member->type, name, len, depth + 1, visits, field, found);
		if (err)
			return err;
		if (*found)
			field->bits += bits;
	}
	return NULL;
}

static km_error *graph_field(struct km_types *types, uint64_t id, const char *name, size_t len,
			     struct km_field *field, bool *found)
{
	unsigned int visits = 0;

	*found = false;
	return find_field(btf_of(types), id, name, len, 0, &visits, field, found);
}

static const struct km_type_graph graph = {.shape = graph_shape, .field = graph_field};

/* ---- the type source ---- */

static km_error *size_of(struct km_types *types, const char *tag, uint32_t *size)
{
	struct km_btf *btf = btf_of(types);
	struct km_shape shape;
	uint32_t id;
	km_error *err = find_tag(btf, tag, &id);

	if (!err)
		err = shape_of(btf, id, 0, &shape);
	if (!err && shape.size > UINT32_MAX)
		err = km_errorf(KM_EDATA, "%s has an impossible size", tag);
	if (!err)
		*size = shape.size;
	return km_error_context(err, "%s", types->origin);
}

static km_error *member(struct km_types *types, const char *tag, const char *path,
			struct km_member *member)
{
	uint32_t id;
	km_error *err = find_tag(btf_of(types), tag, &id);

	if (!err)
		err = km_typepath_member(types, &graph, id, tag, path, member);
	return km_error_context(err, "%s", types->origin);
}

/* Find @name in @type, if that is an enum. */
static bool find_enumerator(const struct km_btf *btf, const struct btf_type *type, const char *name,
			    int64_t *value)
{
	if (!btf_is_any_enum(type))
		return false;
	for (uint32_t i = 0; i < btf_vlen(type); i++) {
		/* both structures start with name_off */
		uint32_t offset = btf_is_enum(type) ? btf_enum(type)[i].name_off
						    : btf_enum64(type)[i].name_off;

		if (strcmp(name_of(btf, offset), name))
			continue;
		if (!btf_is_enum(type))
			*value = btf_enum64_value(&btf_enum64(type)[i]);
		else if (btf_kflag(type))
			*value = btf_enum(type)[i].val;
		else
			*value = (uint32_t)btf_enum(type)[i].val;
		return true;
	}
	return false;
}

static km_error *enumerator(struct km_types *types, const char *tag, const char *name,
			    int64_t *value)
{
	struct km_btf *btf = btf_of(types);
	const struct btf_type *type;
	km_error *err = NULL;
	uint32_t id;

	if (tag) {
		err = find_tag(btf, tag, &id);
		if (!err)
			err = peel(btf, id, &type);
		if (!err && !find_enumerator(btf, type, name, value))
			err = km_errorf(KM_EABSENT, "%s has no enumerator %s", tag, name);
	} else {
		for (id = btf->graph.first; id < btf->graph.extent.end_id; id++)
			if (find_enumerator(btf, km_btf_type(&btf->graph, id), name, value))
				return NULL;
		err = km_errorf(KM_EABSENT, "no enumerator %s", name);
	}
	return km_error_context(err, "%s", types->origin);
}

static km_error *copy(struct km_types *types, const char *tag, struct km_closure *closure)
{
	struct km_btf *btf = btf_of(types);
	uint32_t id;
	km_error *err = find_tag(btf, tag, &id);

	if (!err)
		err = km_btf_source_make(&btf->source);
	if (!err)
		err = km_closure_add(closure, &btf->source, id);
	return km_error_context(err, "%s", types->origin);
}

static void copied(struct km_types *types)
{
	km_btf_source_deinit(&btf_of(types)->source);
}

static void btf_types_free(struct km_types *types)
{
	struct km_btf *btf = btf_of(types);

	km_btf_source_deinit(&btf->source);
	km_btf_graph_deinit(&btf->graph);
	free(btf->names);
	free(types->origin);
	free(btf);
}

static const struct km_types_ops btf_ops = {
	.size_of = size_of,
	.member = member,
	.enumerator = enumerator,
	.copy = copy,
	.copied = copied,
	.free = btf_types_free,
};

km_error *km_btf_open_taken(void *data, size_t len, struct km_types *base, const char *origin,
			    struct km_types **types)
{
	struct km_btf *btf = calloc(1, sizeof(*btf)), *from = NULL;
	km_error *err;

	if (!btf || !(btf->types.origin = strdup(origin))) {
		free(btf);
		free(data);
		return km_errorf(KM_ENOMEM, "out of memory");
	}
	btf->types.ops = &btf_ops;
	if (base && base->ops != &btf_ops) {
		free(data);
		err = km_errorf(KM_EDATA, "BTF cannot be based on %s", base->origin);
	} else {
		from = base ? btf_of(base) : NULL;
		err = km_btf_graph_init(&btf->graph, data, len, from ? &from->graph : NULL);
	}
	btf->source = (struct km_btf_source){&btf->graph, from ? &from->source : NULL, NULL};
	if (err) {
		btf_types_free(&btf->types);
		return km_error_context(err, "%s", origin);
	}
	*types = &btf->types;
	return NULL;
}

km_error *km_btf_open(const void *data, size_t len, struct km_types *base, const char *origin,
		      struct km_types **types)
{
	void *copy = malloc(len ? len : 1);

	if (!copy)
		return km_errorf(KM_ENOMEM, "out of memory");
	return km_btf_open_taken(memcpy(copy, data, len), len, base, origin, types);
}
