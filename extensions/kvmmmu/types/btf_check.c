// SPDX-License-Identifier: GPL-2.0-or-later
#include "types/btf_check.h"

#include <linux/btf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* the limit in libbpf */
#define MAX_STRINGS 0x7fffffffu
/* of btf_type.info: bits of vlen, kind and kind_flag since Linux 4.18; later kernels use more */
#define INFO_BITS 0x9f00ffffu

struct check {
	const char *types;
	size_t len, at;
	uint32_t end_string;
	uint32_t id, max_reference;
};

static km_error *bad(const char *what)
{
	return km_errorf(KM_EDATA, "damaged BTF: %s", what);
}

static km_error *bad_type(const struct check *c, const char *what)
{
	return km_errorf(KM_EDATA, "damaged BTF: type %u %s", c->id, what);
}

/* Copy the next @size bytes of the types to @record. Return false if there are not that many. */
static bool take(struct check *c, void *record, size_t size)
{
	if (size > c->len - c->at)
		return false;
	memcpy(record, c->types + c->at, size);
	c->at += size;
	return true;
}

static bool refer(struct check *c, uint32_t id)
{
	if (id > c->max_reference)
		c->max_reference = id;
	return true;
}

static bool name(const struct check *c, uint32_t offset)
{
	return offset < c->end_string;
}

/* Check one element of what follows a type's fixed part. */
static bool check_array(struct check *c)
{
	struct btf_array array;

	return take(c, &array, sizeof(array)) && refer(c, array.type) && refer(c, array.index_type);
}

static bool check_member(struct check *c)
{
	struct btf_member member;

	return take(c, &member, sizeof(member)) && name(c, member.name_off) &&
	       refer(c, member.type);
}

static bool check_enumerator(struct check *c)
{
	struct btf_enum value;

	return take(c, &value, sizeof(value)) && name(c, value.name_off);
}

static bool check_enumerator64(struct check *c)
{
	struct btf_enum64 value;

	return take(c, &value, sizeof(value)) && name(c, value.name_off);
}

static bool check_parameter(struct check *c)
{
	struct btf_param param;

	return take(c, &param, sizeof(param)) && name(c, param.name_off) && refer(c, param.type);
}

static bool check_variable(struct check *c)
{
	struct btf_var_secinfo var;

	return take(c, &var, sizeof(var)) && refer(c, var.type);
}

static bool check_word(struct check *c)
{
	uint32_t word;

	return take(c, &word, sizeof(word));
}

/* A kind of type: whether it refers to another type, and what follows it, once or vlen times. */
static const struct kind {
	bool known, refers, repeated;
	bool (*more)(struct check *c);
} kinds[] = {
	[BTF_KIND_INT] = {.known = true, .more = check_word},
	[BTF_KIND_PTR] = {.known = true, .refers = true},
	[BTF_KIND_ARRAY] = {.known = true, .more = check_array},
	[BTF_KIND_STRUCT] = {.known = true, .more = check_member, .repeated = true},
	[BTF_KIND_UNION] = {.known = true, .more = check_member, .repeated = true},
	[BTF_KIND_ENUM] = {.known = true, .more = check_enumerator, .repeated = true},
	[BTF_KIND_FWD] = {.known = true},
	[BTF_KIND_TYPEDEF] = {.known = true, .refers = true},
	[BTF_KIND_VOLATILE] = {.known = true, .refers = true},
	[BTF_KIND_CONST] = {.known = true, .refers = true},
	[BTF_KIND_RESTRICT] = {.known = true, .refers = true},
	[BTF_KIND_FUNC] = {.known = true, .refers = true},
	[BTF_KIND_FUNC_PROTO] = {.known = true,
				 .refers = true,
				 .more = check_parameter,
				 .repeated = true},
	[BTF_KIND_VAR] = {.known = true, .refers = true, .more = check_word},
	[BTF_KIND_DATASEC] = {.known = true, .more = check_variable, .repeated = true},
	[BTF_KIND_FLOAT] = {.known = true},
	[BTF_KIND_DECL_TAG] = {.known = true, .refers = true, .more = check_word},
	[BTF_KIND_TYPE_TAG] = {.known = true, .refers = true},
	[BTF_KIND_ENUM64] = {.known = true, .more = check_enumerator64, .repeated = true},
};

static km_error *check_type(struct check *c)
{
	const struct kind *kind;
	struct btf_type type;
	uint32_t n;

	if (!take(c, &type, sizeof(type)))
		return bad_type(c, "is truncated");
	if (type.info & ~INFO_BITS)
		return bad_type(c, "has more members, or a later kind, than this version reads");
	n = BTF_INFO_KIND(type.info);
	if (n >= sizeof(kinds) / sizeof(*kinds) || !kinds[n].known)
		return bad_type(c, "is of an unknown kind");
	kind = &kinds[n];
	if (!name(c, type.name_off))
		return bad_type(c, "has its name outside the strings");
	if (kind->refers)
		refer(c, type.type);
	for (n = kind->repeated ? BTF_INFO_VLEN(type.info) : !!kind->more; n; n--)
		if (!kind->more(c))
			return bad_type(c, "is truncated or has a name outside the strings");
	return NULL;
}

static km_error *check_types(struct check *c, uint32_t *starts)
{
	km_error *err;

	for (; c->at < c->len; c->id++) {
		*starts++ = c->at;
		err = check_type(c);
		if (err)
			return err;
	}
	if (c->max_reference >= c->id)
		return bad("a reference to a type that does not exist");
	return NULL;
}

km_error *km_btf_check(const void *data, size_t len, const struct km_btf_extent *base,
		       struct km_btf_extent *extent, uint32_t **starts)
{
	const char *bytes = data, *strings;
	struct km_btf_header header;
	struct check c;
	size_t body;
	km_error *err;

	*starts = NULL;
	if (len < sizeof(header))
		return bad("shorter than its header");
	memcpy(&header, data, sizeof(header));
	if (header.magic != BTF_MAGIC || header.version != BTF_VERSION)
		return bad("not BTF of a known version");
	/* every type is aligned */
	if (header.hdr_len < sizeof(header) || header.hdr_len > len || header.hdr_len % 4)
		return bad("a header of impossible length");
	body = len - header.hdr_len;
	/* libbpf requires strings after types */
	if (header.type_off % 4 || header.type_off > body ||
	    header.type_len > body - header.type_off || header.str_off > body ||
	    header.str_len > body - header.str_off ||
	    header.type_off + header.type_len > header.str_off)
		return bad("sections outside the data");
	*extent = (struct km_btf_extent){
		.types = header.hdr_len + header.type_off,
		.types_len = header.type_len,
		.strings = header.hdr_len + header.str_off,
		.strings_len = header.str_len,
	};
	strings = bytes + extent->strings;
	if (header.str_len ? strings[header.str_len - 1] || (!base && strings[0]) : !base)
		return bad("unterminated strings");
	if (header.str_len > MAX_STRINGS - (base ? base->end_string : 0))
		return bad("too many strings");
	c = (struct check){
		.types = bytes + extent->types,
		.len = header.type_len,
		.end_string = (base ? base->end_string : 0) + header.str_len,
		.id = base ? base->end_id : 1,
	};
	/* no type is smaller; what is not used of the array costs no memory */
	*starts = malloc((header.type_len / sizeof(struct btf_type) + 1) * sizeof(**starts));
	if (!*starts)
		return km_errorf(KM_ENOMEM, "out of memory");
	err = check_types(&c, *starts);
	if (err)
		return err;
	extent->end_id = c.id;
	extent->end_string = c.end_string;
	return NULL;
}
