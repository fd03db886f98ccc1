/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Follows a path such as "a[3].b" through a graph of types, DWARF or BTF. Only used by type
 * sources.
 */
#ifndef KVMMMU_TYPEPATH_H
#define KVMMMU_TYPEPATH_H

#include "types/types.h"

#include <stddef.h>

/* Maximum nesting of typedefs, arrays and anonymous members: damaged types may contain themselves.
 */
#define KM_TYPE_DEPTH 32
/* Maximum number of members that one look-up visits, for the same reason. */
#define KM_TYPE_VISITS 100000

/* A type without typedefs and qualifiers. A type is identified by a number that its source defines.
 */
struct km_shape {
	uint64_t size;	    /* bytes; 0 if unknown */
	bool is_array;	    /* then these: */
	uint64_t count;	    /* elements of all dimensions, as BTF has it; 0 in a flexible array */
	uint64_t elem_size; /* bytes */
	uint64_t elem_type;
	bool is_signed; /* a signed integer, or elements that are */
	bool is_bool;
};

struct km_field {
	uint64_t type;
	uint64_t bits;	   /* offset from the start of the structure that was searched */
	uint32_t bit_size; /* width of a bit-field; else 0 */
};

struct km_type_graph {
	/* Describe @type. */
	km_error *(*shape)(struct km_types *types, uint64_t type, struct km_shape *shape);
	/* Find a member of @type or of its anonymous members; *found is false if there is none. */
	km_error *(*field)(struct km_types *types, uint64_t type, const char *name, size_t name_len,
			   struct km_field *field, bool *found);
};

/* Implement km_types_member(): follow @path from @root, the type named @tag. */
km_error *km_typepath_member(struct km_types *types, const struct km_type_graph *graph,
			     uint64_t root, const char *tag, const char *path,
			     struct km_member *member);

#endif
