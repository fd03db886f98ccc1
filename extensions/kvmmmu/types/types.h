/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A type source answers how the dumped kernel laid out its structures. DWARF and BTF each implement
 * it.
 */
#ifndef KVMMMU_TYPES_H
#define KVMMMU_TYPES_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* The place of a member, relative to the outermost structure. */
struct km_member {
	uint32_t offset;  /* bytes */
	uint32_t size;	  /* bytes: of the whole member; of the storage unit for a bit-field */
	uint32_t count;	  /* elements, if it is an array; else 0 (a flexible array: 0 too) */
	uint32_t elem;	  /* bytes of one element, if it is an array; else same as size */
	uint8_t bit_off;  /* bit-field: first bit within the storage unit, little-endian */
	uint8_t bit_size; /* bit-field: width; 0: not a bit-field */
	bool is_signed;	  /* a signed integer */
	bool is_bool;	  /* a bool: 0 or 1 */
};

struct km_types;
struct km_closure;

struct km_types_ops {
	/* As km_types_sizeof() and so on below. */
	km_error *(*size_of)(struct km_types *types, const char *tag, uint32_t *size);
	km_error *(*member)(struct km_types *types, const char *tag, const char *path,
			    struct km_member *member);
	km_error *(*enumerator)(struct km_types *types, const char *tag, const char *name,
				int64_t *value);
	/* As km_types_copy(); NULL: not supported. */
	km_error *(*copy)(struct km_types *types, const char *tag, struct km_closure *closure);
	/* As km_types_copied(); NULL: copy() keeps nothing. */
	void (*copied)(struct km_types *types);
	/* As km_types_parameter(); NULL: not supported. */
	km_error *(*parameter)(struct km_types *types, const char *function, const char *param,
			       uint32_t *size, bool *is_signed);
	void (*free)(struct km_types *types);
};

struct km_types {
	const struct km_types_ops *ops;
	char *origin; /* for messages: "DWARF of /usr/lib/debug/.../kvm.ko", "BTF in the dump" */
};

/* Get the size in bytes of struct, union or typedef @tag. KM_EABSENT: there is no such type. */
static inline km_error *km_types_sizeof(struct km_types *types, const char *tag, uint32_t *size)
{
	return types->ops->size_of(types, tag, size);
}

/*
 * Find member @path of struct, union or typedef @tag: "a.b.c", or "a[3].b" for an element of an
 * array. Anonymous structs and unions are searched, too. KM_EABSENT: there is no such type or
 * member.
 */
static inline km_error *km_types_member(struct km_types *types, const char *tag, const char *path,
					struct km_member *member)
{
	return types->ops->member(types, tag, path, member);
}

/* Get the value of @name in enum @tag (NULL: any enum). KM_EABSENT: there is no such enumerator. */
static inline km_error *km_types_enumerator(struct km_types *types, const char *tag,
					    const char *name, int64_t *value)
{
	return types->ops->enumerator(types, tag, name, value);
}

/*
 * Add type @tag and everything that it contains to @closure (btf_closure.h). KM_EABSENT: there is
 * no such type, or the source cannot copy types.
 */
static inline km_error *km_types_copy(struct km_types *types, const char *tag,
				      struct km_closure *closure)
{
	return types->ops->copy ? types->ops->copy(types, tag, closure)
				: km_errorf(KM_EABSENT, "%s cannot be copied", types->origin);
}

/* Free what km_types_copy() has kept for the next copy. */
static inline void km_types_copied(struct km_types *types)
{
	if (types->ops->copied)
		types->ops->copied(types);
}

/*
 * Get the size in bytes and the signedness of parameter @param of function @function. KM_EABSENT:
 * there is no such function or parameter, or the source does not describe functions.
 */
static inline km_error *km_types_parameter(struct km_types *types, const char *function,
					   const char *param, uint32_t *size, bool *is_signed)
{
	return types->ops->parameter
		       ? types->ops->parameter(types, function, param, size, is_signed)
		       : km_errorf(KM_EABSENT, "%s does not describe functions", types->origin);
}

/* @types may be NULL. */
static inline void km_types_free(struct km_types *types)
{
	if (types)
		types->ops->free(types);
}

#endif
