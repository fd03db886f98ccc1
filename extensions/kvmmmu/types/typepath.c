// SPDX-License-Identifier: GPL-2.0-or-later
#include "types/typepath.h"

#include <stdlib.h>
#include <string.h>

/* One step of a path: ".name", or "[index]" if name is NULL. */
struct step {
	const char *name;
	size_t len;
	uint64_t index;
};

/* Parse the next step of *path and advance it. Return false if it is malformed. */
static bool next_step(const char **path, bool first, struct step *step)
{
	const char *p = *path;
	char *end;

	if (*p == '[' && !first) {
		if (p[1] < '0' || p[1] > '9')
			return false;
		*step = (struct step){.index = strtoull(p + 1, &end, 10)};
		*path = end + 1;
		return *end == ']' && step->index <= UINT32_MAX;
	}
	if (!first && *p++ != '.')
		return false;
	*step = (struct step){.name = p, .len = strcspn(p, ".[")};
	*path = p + step->len;
	return step->len;
}

/*
 * Place a bit-field in a storage unit of its type's size, aligned to that size within the
 * structure, so that DWARF and BTF give the same result. If it straddles two units, the unit starts
 * at the field's first byte.
 */
static void set_bits(struct km_member *member, uint64_t *offset, uint64_t bits, uint32_t bit_size)
{
	uint64_t unit = (uint64_t)member->size * 8, start = unit ? bits / unit * unit : bits;

	if (bits - start + bit_size > unit) {
		start = bits / 8 * 8;
		unit = (bits - start + bit_size + 7) / 8 * 8;
		member->size = member->elem = unit / 8;
	}
	*offset += start / 8;
	member->bit_off = bits - start;
	member->bit_size = bit_size;
}

static km_error *absurd(const char *tag, const char *path)
{
	return km_errorf(KM_EDEBUGINFO, "%s.%s has an impossible offset or size", tag, path);
}

km_error *km_typepath_member(struct km_types *types, const struct km_type_graph *graph,
			     uint64_t root, const char *tag, const char *path,
			     struct km_member *member)
{
	uint64_t type = root, offset = 0;
	struct km_field field = {};
	struct km_shape shape;
	const char *rest = path;
	km_error *err;
	bool found;

	do {
		struct step step;

		if (field.bit_size || !next_step(&rest, rest == path, &step))
			return km_errorf(KM_EUSAGE, "malformed member path %s.%s", tag, path);
		if (step.name) {
			err = graph->field(types, type, step.name, step.len, &field, &found);
			if (err)
				return err;
			if (!found)
				return km_errorf(KM_EABSENT, "%s has no member %.*s", tag,
						 (int)(step.name + step.len - path), path);
			type = field.type;
			if (!field.bit_size)
				offset += field.bits / 8;
		} else {
			err = graph->shape(types, type, &shape);
			if (err)
				return err;
			if (!shape.is_array || (shape.count && step.index >= shape.count))
				return km_errorf(KM_EABSENT, "%s has no element %.*s", tag,
						 (int)(rest - path), path);
			if (shape.elem_size > UINT32_MAX)
				return absurd(tag, path);
			offset += step.index * shape.elem_size;
			type = shape.elem_type;
		}
		if (offset > UINT32_MAX)
			return absurd(tag, path);
	} while (*rest);

	err = graph->shape(types, type, &shape);
	if (err)
		return err;
	if (shape.size > UINT32_MAX || shape.count > UINT32_MAX || shape.elem_size > UINT32_MAX)
		return absurd(tag, path);
	*member = (struct km_member){
		.size = shape.size,
		.count = shape.is_array ? shape.count : 0,
		.elem = shape.is_array ? shape.elem_size : shape.size,
		.is_signed = shape.is_signed,
		.is_bool = shape.is_bool,
	};
	if (field.bit_size) {
		if (field.bit_size > 64 || shape.size > 8 || field.bits / 8 > UINT32_MAX)
			return absurd(tag, path);
		set_bits(member, &offset, field.bits, field.bit_size);
		if (member->size > 8)
			return absurd(tag, path);
	}
	if (offset > UINT32_MAX)
		return absurd(tag, path);
	member->offset = offset;
	return NULL;
}
