/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A type source answers how the dumped kernel laid its structures out. DWARF and BTF both are one.
 */
#ifndef KVMMMU_TYPES_H
#define KVMMMU_TYPES_H

#include "error.h"

#include <stdbool.h>
#include <stdint.h>

/* Where a member sits, seen from the start of the outermost structure. */
struct km_member {
	uint32_t offset;  /* bytes */
	uint32_t size;	  /* bytes: of the whole member; of the storage unit for a bit-field */
	uint32_t count;	  /* elements, if it is an array; else 0 (a flexible array: 0 too) */
	uint32_t elem;	  /* bytes of one element, if it is an array; else same as size */
	uint8_t bit_off;  /* bit-field: first bit within the storage unit, little-endian */
	uint8_t bit_size; /* bit-field: width; 0 if it is none */
	bool is_signed;	  /* a signed integer */
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
	/* As km_types_copy(); NULL: it can't. */
	km_error *(*copy)(struct km_types *types, const char *tag, struct km_closure *closure);
	/* As km_types_parameter(); NULL: it can't. */
	km_error *(*parameter)(struct km_types *types, const char *function, const char *param,
			       uint32_t *size, bool *is_signed);
	void (*free)(struct km_types *types);
};

struct km_types {
	const struct km_types_ops *ops;
	char *origin; /* for people: "DWARF of /usr/lib/debug/.../kvm.ko", "BTF in the dump" */
};

/* Bytes of `struct TAG`, `union TAG` or typedef TAG. KM_EABSENT if there is no such type. */
static inline km_error *km_types_sizeof(struct km_types *types, const char *tag, uint32_t *size)
{
	return types->ops->size_of(types, tag, size);
}

/*
 * Finds member @path ("a.b.c"; anonymous structs and unions are looked through; an element of an
 * array is "a[3].b") of struct, union or typedef @tag. KM_EABSENT if type or member do not exist.
 */
static inline km_error *km_types_member(struct km_types *types, const char *tag, const char *path,
					struct km_member *member)
{
	return types->ops->member(types, tag, path, member);
}

/* Value of @name in enum @tag (NULL: of any enum). KM_EABSENT if there is none. */
static inline km_error *km_types_enumerator(struct km_types *types, const char *tag,
					    const char *name, int64_t *value)
{
	return types->ops->enumerator(types, tag, name, value);
}

/*
 * Adds type @tag and all that it is made of to @closure (btf_closure.h). KM_EABSENT if there is no
 * such type, or if the source can't tell types, only members.
 */
static inline km_error *km_types_copy(struct km_types *types, const char *tag,
				      struct km_closure *closure)
{
	return types->ops->copy ? types->ops->copy(types, tag, closure)
				: km_errorf(KM_EABSENT, "%s: can't be copied", types->origin);
}

/*
 * Type of parameter @param of function @function: its size in bytes and whether it is signed.
 * KM_EABSENT if there is no such function or parameter, or if the source can't tell functions.
 */
static inline km_error *km_types_parameter(struct km_types *types, const char *function,
					   const char *param, uint32_t *size, bool *is_signed)
{
	return types->ops->parameter
		       ? types->ops->parameter(types, function, param, size, is_signed)
		       : km_errorf(KM_EABSENT, "%s: does not tell functions", types->origin);
}

/* NULL is fine. */
static inline void km_types_free(struct km_types *types)
{
	if (types)
		types->ops->free(types);
}

#endif
