// SPDX-License-Identifier: GPL-2.0-or-later
#include "types/dwarf_types.h"
#include "types/dwarf_file.h"
#include "types/typepath.h"

#include <dwarf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct km_dwarf {
	struct km_types types;
	struct km_dwarf_file file;
};

static struct km_dwarf *dwarf_of(struct km_types *types)
{
	return (struct km_dwarf *)types;
}

/* ---- the graph of types ---- */

static uint64_t id_of(const Dwarf_Die *die)
{
	return (uintptr_t)die->addr;
}

static km_error *die_of(struct km_dwarf *dwarf, uint64_t id, Dwarf_Die *die)
{
	if (!dwarf_die_addr_die(dwarf->file.dwarf, (void *)(uintptr_t)id, die))
		return km_dwarf_libdw_error();
	return NULL;
}

/* Strip typedefs and qualifiers, and replace a declaration by its definition. */
static km_error *peel(struct km_dwarf *dwarf, Dwarf_Die *die)
{
	for (int depth = 0; depth < KM_TYPE_DEPTH; depth++) {
		const char *name;
		km_error *err;
		bool found;

		switch (dwarf_tag(die)) {
		case DW_TAG_typedef:
		case DW_TAG_const_type:
		case DW_TAG_volatile_type:
		case DW_TAG_restrict_type:
		case DW_TAG_atomic_type:
			if (!km_dwarf_file_type(&dwarf->file, die, die))
				return km_errorf(KM_EABSENT, "void has no size and no members");
			continue;
		case DW_TAG_structure_type:
		case DW_TAG_union_type:
		case DW_TAG_enumeration_type:
			if (!km_dwarf_is_declaration(die) || !(name = dwarf_diename(die)))
				return NULL;
			err = km_dwarf_file_find(&dwarf->file, KM_DWARF_TYPES, name, die, &found);
			if (err)
				return err;
			if (!found)
				return km_errorf(KM_EABSENT, "%s is only declared", name);
			continue;
		default:
			return NULL;
		}
	}
	return km_dwarf_damaged("a type that contains itself");
}

/* Return a constant attribute; @fallback if it is absent or an expression. */
static uint64_t constant(Dwarf_Die *die, unsigned int name, uint64_t fallback)
{
	Dwarf_Attribute attr;
	Dwarf_Word value;

	if (!dwarf_attr(die, name, &attr) || dwarf_formudata(&attr, &value))
		return fallback;
	return value;
}

static bool is_signed(struct km_dwarf *dwarf, Dwarf_Die *die)
{
	const char *name;
	Dwarf_Die type;

	switch (dwarf_tag(die)) {
	case DW_TAG_base_type:
		switch (constant(die, DW_AT_encoding, 0)) {
		case DW_ATE_signed:
			return true;
		case DW_ATE_signed_char:
			/* plain char is not signed in BTF either */
			name = dwarf_diename(die);
			return name && !strcmp(name, "signed char");
		}
		return false;
	case DW_TAG_enumeration_type:
		/* its base type; enums do not nest */
		return km_dwarf_file_type(&dwarf->file, die, &type) &&
		       dwarf_tag(&type) == DW_TAG_base_type && is_signed(dwarf, &type);
	default:
		return false;
	}
}

/* Return the number of elements in one dimension; 0 for a flexible array. */
static uint64_t n_elements(Dwarf_Die *subrange)
{
	uint64_t last = constant(subrange, DW_AT_upper_bound, UINT64_MAX);

	if (last == UINT32_MAX)
		last = UINT64_MAX; /* older compilers write -1 for [0] */
	return constant(subrange, DW_AT_count, last + 1);
}

static km_error *shape_of(struct km_dwarf *dwarf, Dwarf_Die *die, int depth,
			  struct km_shape *shape);

static km_error *array_shape(struct km_dwarf *dwarf, Dwarf_Die *die, int depth,
			     struct km_shape *shape)
{
	struct km_shape elem;
	Dwarf_Die child, type;
	bool absurd = false;
	km_error *err;
	int ret;

	if (!km_dwarf_file_type(&dwarf->file, die, &type))
		return km_dwarf_damaged("an array without a type");
	*shape = (struct km_shape){.is_array = true, .count = 1, .elem_type = id_of(&type)};
	for (ret = dwarf_child(die, &child); !ret; ret = dwarf_siblingof(&child, &child))
		if (dwarf_tag(&child) == DW_TAG_subrange_type)
			absurd |= __builtin_mul_overflow(shape->count, n_elements(&child),
							 &shape->count);
	if (ret < 0)
		return km_dwarf_libdw_error();
	err = shape_of(dwarf, &type, depth + 1, &elem);
	if (err)
		return err;
	shape->elem_size = elem.size;
	shape->is_signed = elem.is_signed;
	absurd |= __builtin_mul_overflow(shape->count, elem.size, &shape->size);
	return absurd ? km_dwarf_damaged("an array of impossible size") : NULL;
}

static km_error *shape_of(struct km_dwarf *dwarf, Dwarf_Die *die, int depth, struct km_shape *shape)
{
	km_error *err;

	if (depth >= KM_TYPE_DEPTH)
		return km_dwarf_damaged("an array that contains itself");
	err = peel(dwarf, die);
	if (err)
		return err;
	if (dwarf_tag(die) == DW_TAG_array_type)
		return array_shape(dwarf, die, depth, shape);
	*shape = (struct km_shape){
		/* a pointer need not have a size */
		.size = constant(die, DW_AT_byte_size,
				 dwarf_tag(die) == DW_TAG_pointer_type ? 8 : 0),
		.is_signed = is_signed(dwarf, die),
		.is_bool = dwarf_tag(die) == DW_TAG_base_type &&
			   constant(die, DW_AT_encoding, 0) == DW_ATE_boolean,
	};
	return NULL;
}

static km_error *graph_shape(struct km_types *types, uint64_t id, struct km_shape *shape)
{
	struct km_dwarf *dwarf = dwarf_of(types);
	Dwarf_Die die;
	km_error *err = die_of(dwarf, id, &die);

	return err ? err : shape_of(dwarf, &die, 0, shape);
}

/* Get the bit offset of @member and, if it is a bit-field, its width. */
static km_error *member_bits(struct km_dwarf *dwarf, Dwarf_Die *member, Dwarf_Die *type,
			     uint64_t *bits, uint32_t *bit_size)
{
	uint64_t at = constant(member, DW_AT_data_member_location, 0);
	uint64_t width = constant(member, DW_AT_bit_size, 0), storage;
	struct km_shape shape;
	Dwarf_Attribute attr;
	km_error *err;

	if (dwarf_attr(member, DW_AT_data_member_location, &attr) && dwarf_formudata(&attr, &at))
		return km_errorf(KM_EDEBUGINFO, "a member whose offset is an expression");
	if (at > UINT32_MAX || width > UINT32_MAX)
		return km_dwarf_damaged("a member with an impossible offset");
	*bits = at * 8;
	*bit_size = width;
	if (dwarf_hasattr(member, DW_AT_data_bit_offset)) {
		*bits = constant(member, DW_AT_data_bit_offset, 0);
	} else if (width && dwarf_hasattr(member, DW_AT_bit_offset)) {
		/* DWARF 3: counted from the most significant bit of the storage unit */
		storage = constant(member, DW_AT_byte_size, 0);
		if (!storage) {
			Dwarf_Die copy = *type;

			err = shape_of(dwarf, &copy, 0, &shape);
			if (err)
				return err;
			storage = shape.size;
		}
		*bits += storage * 8 - constant(member, DW_AT_bit_offset, 0) - width;
	}
	return *bits / 8 > UINT32_MAX ? km_dwarf_damaged("a member with an impossible offset")
				      : NULL;
}

static km_error *find_field(struct km_dwarf *dwarf, Dwarf_Die *die, const char *name, size_t len,
			    int depth, unsigned int *visits, struct km_field *field, bool *found)
{
	Dwarf_Die member, type;
	km_error *err;
	int ret;

	err = peel(dwarf, die);
	if (err)
		return err;
	if (dwarf_tag(die) != DW_TAG_structure_type && dwarf_tag(die) != DW_TAG_union_type)
		return NULL;
	for (ret = dwarf_child(die, &member); !ret; ret = dwarf_siblingof(&member, &member)) {
		const char *member_name;
		uint64_t bits;

		if (dwarf_tag(&member) != DW_TAG_member)
			continue;
		if (depth >= KM_TYPE_DEPTH || ++*visits > KM_TYPE_VISITS)
			return km_dwarf_damaged("a structure that contains itself");
		member_name = dwarf_diename(&member);
		if (member_name && *member_name &&
		    (strncmp(member_name, name, len) || member_name[len]))
			continue;
		if (!km_dwarf_file_type(&dwarf->file, &member, &type))
			return km_dwarf_damaged("a member without a type");
		if (member_name && *member_name) {
			*found = true;
			field->type = id_of(&type);
			return member_bits(dwarf, &member, &type, &field->bits, &field->bit_size);
		}
		if (dwarf_hasattr(&member, DW_AT_bit_size))
			continue; /* padding */
		err = find_field(dwarf, &type, name, len, depth + 1, visits, field, found);
		if (err)
			return err;
		if (*found) {
			uint32_t no_width;

			err = member_bits(dwarf, &member, &type, &bits, &no_width);
			field->bits += bits;
			return err;
		}
	}
	return ret < 0 ? km_dwarf_libdw_error() : NULL;
}

static km_error *graph_field(struct km_types *types, uint64_t id, const char *name, size_t len,
			     struct km_field *field, bool *found)
{
	struct km_dwarf *dwarf = dwarf_of(types);
	unsigned int visits = 0;
	Dwarf_Die die;
	km_error *err = die_of(dwarf, id, &die);

	*found = false;
	*field = (struct km_field){};
	return err ? err : find_field(dwarf, &die, name, len, 0, &visits, field, found);
}

static const struct km_type_graph graph = {.shape = graph_shape, .field = graph_field};

/* ---- the type source ---- */

static km_error *find_tag(struct km_dwarf *dwarf, const char *tag, Dwarf_Die *die)
{
	km_error *err;
	bool found;

	err = km_dwarf_file_find(&dwarf->file, KM_DWARF_TYPES, tag, die, &found);
	return err || found ? err : km_errorf(KM_EABSENT, "no type %s", tag);
}

static km_error *size_of(struct km_types *types, const char *tag, uint32_t *size)
{
	struct km_dwarf *dwarf = dwarf_of(types);
	struct km_shape shape;
	Dwarf_Die die;
	km_error *err = find_tag(dwarf, tag, &die);

	if (!err)
		err = shape_of(dwarf, &die, 0, &shape);
	if (!err && shape.size > UINT32_MAX)
		err = km_errorf(KM_EDEBUGINFO, "damaged DWARF: %s has an impossible size", tag);
	if (!err)
		*size = shape.size;
	return km_error_context(err, "%s", types->origin);
}

static km_error *member(struct km_types *types, const char *tag, const char *path,
			struct km_member *member)
{
	struct km_dwarf *dwarf = dwarf_of(types);
	Dwarf_Die die;
	km_error *err = find_tag(dwarf, tag, &die);

	if (!err)
		err = km_typepath_member(types, &graph, id_of(&die), tag, path, member);
	return km_error_context(err, "%s", types->origin);
}

static km_error *enumerator_value(Dwarf_Die *die, int64_t *value)
{
	Dwarf_Attribute attr;
	Dwarf_Sword number;

	if (!dwarf_attr(die, DW_AT_const_value, &attr))
		return km_dwarf_damaged("an enumerator without a value");
	/* dwarf_formsdata() would sign-extend the short forms of unsigned values */
	if (dwarf_whatform(&attr) == DW_FORM_sdata ||
			    dwarf_whatform(&attr) == DW_FORM_implicit_const
		    ? dwarf_formsdata(&attr, &number)
		    : dwarf_formudata(&attr, (Dwarf_Word *)&number))
		return km_dwarf_libdw_error();
	*value = number;
	return NULL;
}

static km_error *find_enumerator(struct km_dwarf *dwarf, const char *tag, const char *name,
				 Dwarf_Die *die)
{
	km_error *err;
	Dwarf_Die type;
	bool known;
	int ret;

	if (!tag) {
		err = km_dwarf_file_find(&dwarf->file, KM_DWARF_ENUMERATORS, name, die, &known);
		return err || known ? err : km_errorf(KM_EABSENT, "no enumerator %s", name);
	}
	err = find_tag(dwarf, tag, &type);
	if (!err)
		err = peel(dwarf, &type);
	if (err)
		return err;
	for (ret = dwarf_child(&type, die); !ret; ret = dwarf_siblingof(die, die)) {
		const char *found = dwarf_diename(die);

		if (found && dwarf_tag(die) == DW_TAG_enumerator && !strcmp(found, name))
			return NULL;
	}
	return ret < 0 ? km_dwarf_libdw_error()
		       : km_errorf(KM_EABSENT, "%s has no enumerator %s", tag, name);
}

static km_error *enumerator(struct km_types *types, const char *tag, const char *name,
			    int64_t *value)
{
	Dwarf_Die die;
	km_error *err = find_enumerator(dwarf_of(types), tag, name, &die);

	if (!err)
		err = enumerator_value(&die, value);
	return km_error_context(err, "%s", types->origin);
}

static km_error *find_parameter(struct km_dwarf *dwarf, const char *function, const char *param,
				struct km_shape *shape)
{
	Dwarf_Die of, die, type;
	km_error *err;
	bool known;
	int ret;

	err = km_dwarf_file_find(&dwarf->file, KM_DWARF_FUNCTIONS, function, &of, &known);
	if (err)
		return err;
	if (!known)
		return km_errorf(KM_EABSENT, "no function %s", function);
	for (ret = dwarf_child(&of, &die); !ret; ret = dwarf_siblingof(&die, &die)) {
		const char *found = dwarf_diename(&die);

		if (found && dwarf_tag(&die) == DW_TAG_formal_parameter && !strcmp(found, param) &&
		    km_dwarf_file_type(&dwarf->file, &die, &type))
			return shape_of(dwarf, &type, 0, shape);
	}
	return ret < 0 ? km_dwarf_libdw_error()
		       : km_errorf(KM_EABSENT, "%s() has no parameter %s", function, param);
}

static void dwarf_free(struct km_types *types)
{
	struct km_dwarf *dwarf = dwarf_of(types);

	km_dwarf_file_deinit(&dwarf->file);
	free(types->origin);
	free(dwarf);
}

static const struct km_types_ops dwarf_ops = {
	.size_of = size_of,
	.member = member,
	.enumerator = enumerator,
	.parameter = km_dwarf_parameter,
	.free = dwarf_free,
};

km_error *km_dwarf_parameter(struct km_types *types, const char *function, const char *param,
			     uint32_t *size, bool *is_signed)
{
	struct km_shape shape;
	km_error *err;

	if (types->ops != &dwarf_ops)
		return km_errorf(KM_EABSENT, "%s does not describe functions", types->origin);
	err = find_parameter(dwarf_of(types), function, param, &shape);
	if (!err) {
		*size = shape.size;
		*is_signed = shape.is_signed;
	}
	return km_error_context(err, "%s", types->origin);
}

km_error *km_dwarf_open(struct km_debuginfo *info, struct km_types **types)
{
	struct km_dwarf *dwarf = calloc(1, sizeof(*dwarf));
	km_error *err;

	if (!dwarf || asprintf(&dwarf->types.origin, "DWARF of %s", info->path) < 0) {
		free(dwarf);
		return km_errorf(KM_ENOMEM, "out of memory");
	}
	dwarf->types.ops = &dwarf_ops;
	err = km_dwarf_file_init(&dwarf->file, info);
	if (err) {
		dwarf_free(&dwarf->types);
		return err;
	}
	*types = &dwarf->types;
	return NULL;
}
