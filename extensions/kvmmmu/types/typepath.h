/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What type sources have in common: following "a[3].b" through a graph of types, whether that is
 * DWARF or BTF. Of use to them only.
 */
#ifndef KVMMMU_TYPEPATH_H
#define KVMMMU_TYPEPATH_H

#include "types.h"

#include <stddef.h>

/* How deep typedefs, arrays and anonymous members nest at most: damaged types go in circles. */
#define KM_TYPE_DEPTH 32
/* How many members one look-up visits at most, for the same reason. */
#define KM_TYPE_VISITS 100000

/* A type, typedefs and qualifiers peeled off. Types go by whatever number the source gives them. */
struct km_shape {
	uint64_t size;	    /* bytes; 0 if unknown */
	bool is_array;	    /* then these: */
	uint64_t count;	    /* elements of all dimensions, as BTF has it; 0 in a flexible array */
	uint64_t elem_size; /* bytes */
	uint64_t elem_type;
	bool is_signed; /* a signed integer, or elements that are */
};

struct km_field {
	uint64_t type;
	uint64_t bits;	   /* from the start of the structure that was asked */
	uint32_t bit_size; /* width of a bit-field; else 0 */
};

struct km_type_graph {
	/* Describes @type. */
	km_error *(*shape)(struct km_types *types, uint64_t type, struct km_shape *shape);
	/* Finds the member in @type or its anonymous ones; *found is false if there is none. */
	km_error *(*field)(struct km_types *types, uint64_t type, const char *name, size_t name_len,
			   struct km_field *field, bool *found);
};

/* km_types_member() from @root on, the type that is named @tag. */
km_error *km_typepath_member(struct km_types *types, const struct km_type_graph *graph,
			     uint64_t root, const char *tag, const char *path,
			     struct km_member *member);

#endif
