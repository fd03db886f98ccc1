// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/layout.h"

#include <stdlib.h>
#include <string.h>

#define MAX_NAMES 4

static const struct {
	const char *tags[MAX_NAMES];
} type_names[KM_TYPE_IDS] = {
#define KM_TYPE(id, ...) [KM_T_##id] = {{__VA_ARGS__}},
#define KM_MEMBER(type, id, ...)
#include "kernel/layout.def"
#undef KM_TYPE
#undef KM_MEMBER
};

/* What a member describes. Only members about the host are in every capsule. */
enum privacy { HOST, NAME, GUEST };

static const struct {
	enum km_type_id type;
	const char *paths[MAX_NAMES];
	const char *text;
	enum privacy privacy;
} member_names[KM_MEMBER_IDS] = {
#define KM_TYPE(id, ...)
#define MEMBER(type, id, privacy, ...)                                                             \
	[KM_M_##type##_##id] = {KM_T_##type, {__VA_ARGS__}, #type "." #id, privacy},
#define KM_MEMBER(type, id, ...)       MEMBER(type, id, HOST, __VA_ARGS__)
#define KM_MEMBER_NAME(type, id, ...)  MEMBER(type, id, NAME, __VA_ARGS__)
#define KM_MEMBER_GUEST(type, id, ...) MEMBER(type, id, GUEST, __VA_ARGS__)
#include "kernel/layout.def"
#undef MEMBER
#undef KM_TYPE
#undef KM_MEMBER
};

/* Members that are behind a pointer in some kernels. */
static const struct behind {
	enum km_member_id member, pointer, target;
} behind[] = {
#define KM_TYPE(id, ...)
#define KM_MEMBER(type, id, ...)
#define KM_BEHIND(type, id, pointer, target)                                                       \
	{KM_M_##type##_##id, KM_M_##type##_##pointer, KM_M_##target},
#include "kernel/layout.def"
#undef KM_TYPE
#undef KM_MEMBER
};

enum resolution { UNRESOLVED, PRESENT, ABSENT };

struct km_layout {
	struct km_types *types;
	km_error *error;
	enum resolution member_state[KM_MEMBER_IDS];
	struct km_member members[KM_MEMBER_IDS];
	const char *tags[KM_MEMBER_IDS], *paths[KM_MEMBER_IDS]; /* with which they were found */
	enum resolution type_state[KM_TYPE_IDS];
	uint32_t sizes[KM_TYPE_IDS];
	const char *type_tags[KM_TYPE_IDS];
};

struct km_layout *km_layout_new(struct km_types *types)
{
	struct km_layout *layout = calloc(1, sizeof(*layout));

	if (layout)
		layout->types = types;
	else
		km_types_free(types);
	return layout;
}

void km_layout_free(struct km_layout *layout)
{
	if (!layout)
		return;
	km_types_free(layout->types);
	km_error_free(layout->error);
	free(layout);
}

struct km_types *km_layout_types(struct km_layout *layout)
{
	return layout->types;
}

struct km_types *km_layout_release_types(struct km_layout *layout)
{
	struct km_types *types = layout->types;

	layout->types = NULL;
	return types;
}

const km_error *km_layout_error(const struct km_layout *layout)
{
	return layout->error;
}

const char *km_member_name(enum km_member_id id)
{
	return member_names[id].text;
}

const char *km_member_path(enum km_member_id id)
{
	return member_names[id].paths[0];
}

const char *km_type_tag(enum km_type_id id)
{
	return type_names[id].tags[0];
}

/* Keep the first error other than absence. Return whether there was any error. */
static bool failed(struct km_layout *layout, km_error *err)
{
	if (!err)
		return false;
	/* exhausted memory outweighs damage: a member that is there seems to be absent */
	if (km_error_code(err) == KM_ENOMEM && layout->error &&
	    km_error_code(layout->error) != KM_ENOMEM) {
		km_error_free(layout->error);
		layout->error = NULL;
	}
	if (km_error_code(err) == KM_EABSENT || layout->error)
		km_error_free(err);
	else
		layout->error = err;
	return true;
}

uint32_t km_layout_sizeof(struct km_layout *layout, enum km_type_id id)
{
	if (layout->type_state[id] == UNRESOLVED) {
		layout->type_state[id] = ABSENT;
		for (size_t i = 0; i < MAX_NAMES && type_names[id].tags[i]; i++) {
			if (failed(layout, km_types_sizeof(layout->types, type_names[id].tags[i],
							   &layout->sizes[id])))
				continue;
			layout->type_state[id] = PRESENT;
			layout->type_tags[id] = type_names[id].tags[i];
			break;
		}
	}
	return layout->type_state[id] == PRESENT ? layout->sizes[id] : 0;
}

static bool resolve_member(struct km_layout *layout, enum km_member_id id)
{
	const char *const *tags = type_names[member_names[id].type].tags;
	const char *const *paths = member_names[id].paths;

	for (size_t t = 0; t < MAX_NAMES && tags[t]; t++) {
		for (size_t p = 0; p < MAX_NAMES && paths[p]; p++) {
			if (failed(layout, km_types_member(layout->types, tags[t], paths[p],
							   &layout->members[id])))
				continue;
			layout->tags[id] = tags[t];
			layout->paths[id] = paths[p];
			return true;
		}
	}
	return false;
}

const struct km_member *km_layout_member(struct km_layout *layout, enum km_member_id id)
{
	if (layout->member_state[id] == UNRESOLVED)
		layout->member_state[id] = resolve_member(layout, id) ? PRESENT : ABSENT;
	return layout->member_state[id] == PRESENT ? &layout->members[id] : NULL;
}

/* How to get to a member that is not in its structure; NULL: it is, or this kernel lacks it. */
static const struct behind *find_behind(struct km_layout *layout, enum km_member_id id)
{
	if (km_layout_member(layout, id))
		return NULL;
	for (size_t i = 0; i < sizeof(behind) / sizeof(behind[0]); i++) {
		if (behind[i].member == id && km_layout_member(layout, behind[i].pointer) &&
		    km_layout_member(layout, behind[i].target))
			return &behind[i];
	}
	return NULL;
}

bool km_has(struct km_layout *layout, enum km_member_id id)
{
	return km_layout_member(layout, id) || find_behind(layout, id);
}

bool km_layout_path(struct km_layout *layout, enum km_member_id id, const char **tag,
		    const char **path)
{
	*tag = km_layout_member(layout, id) ? layout->tags[id] : NULL;
	*path = layout->paths[id];
	return *tag;
}

enum km_type_id km_member_type(enum km_member_id id)
{
	return member_names[id].type;
}

const char *km_layout_tag(struct km_layout *layout, enum km_type_id id)
{
	return km_layout_sizeof(layout, id) ? layout->type_tags[id] : type_names[id].tags[0];
}

/* The recorder's label for the member; NULL if it must not be recorded. */
static const char *label(struct km_memory *mem, enum km_member_id id)
{
	const struct km_recorder *rec = km_memory_recorder(mem);

	switch (member_names[id].privacy) {
	case GUEST:
		return NULL;
	case NAME:
		return rec && rec->names ? member_names[id].text : NULL;
	case HOST:
		return member_names[id].text;
	}
	return NULL;
}

/* Read an integer of @size bytes (at most 8). Target and host are both little-endian. */
static struct km_val read_integer(struct km_memory *mem, uint64_t addr, uint32_t size,
				  bool is_signed, enum km_member_id id)
{
	uint64_t raw = 0;
	km_scoped_error *err = NULL;

	if (!size || size > sizeof(raw))
		return (struct km_val){.known = KM_ABSENT};
	err = km_read_virt_as(mem, addr, &raw, size, label(mem, id));
	if (err)
		return (struct km_val){.known = KM_UNREADABLE};
	if (is_signed && size < sizeof(raw) && raw >> (8 * size - 1))
		raw |= ~0ULL << (8 * size);
	return km_known_val(raw);
}

/* The address of the structure that a member was moved to. NULL is none. */
static struct km_val follow(struct km_memory *mem, struct km_layout *layout, uint64_t addr,
			    const struct behind *b)
{
	struct km_val at = km_get(mem, layout, addr, b->pointer);

	if (km_is_known(at) && !at.v)
		at.known = KM_UNREADABLE;
	return at;
}

struct km_val km_get(struct km_memory *mem, struct km_layout *layout, uint64_t addr,
		     enum km_member_id id)
{
	const struct km_member *m = km_layout_member(layout, id);
	const struct behind *b = m ? NULL : find_behind(layout, id);
	struct km_val val;

	if (b) {
		val = follow(mem, layout, addr, b);
		return km_is_known(val) ? km_get(mem, layout, val.v, b->target) : val;
	}
	if (!m)
		return (struct km_val){.known = KM_ABSENT};
	val = read_integer(mem, addr + m->offset, m->size, m->is_signed && !m->bit_size, id);
	/* a bool with another value is corrupted */
	if (m->is_bool && !m->bit_size && val.v > 1)
		return (struct km_val){.known = KM_UNREADABLE, .corrupted = true};
	if (km_is_known(val) && m->bit_size)
		val.v = (val.v >> m->bit_off) & (~0ULL >> (64 - m->bit_size));
	return val;
}

struct km_val km_get_elem(struct km_memory *mem, struct km_layout *layout, uint64_t addr,
			  enum km_member_id id, uint32_t index)
{
	const struct km_member *m = km_layout_member(layout, id);

	if (!m || (m->count && index >= m->count))
		return (struct km_val){.known = KM_ABSENT};
	return read_integer(mem, addr + m->offset + (uint64_t)index * m->elem, m->elem,
			    m->is_signed, id);
}

km_error *km_get_string(struct km_memory *mem, struct km_layout *layout, uint64_t addr,
			enum km_member_id id, char *buf, size_t size)
{
	const struct km_member *m = km_layout_member(layout, id);
	km_error *err;

	buf[0] = '\0';
	if (!m || m->size >= size)
		return NULL;
	err = km_read_string_as(mem, addr + m->offset, buf, m->size + 1, label(mem, id));
	if (err)
		buf[0] = '\0';
	return err;
}

struct km_val km_addr_of(struct km_layout *layout, uint64_t addr, enum km_member_id id)
{
	const struct km_member *m = km_layout_member(layout, id);

	return m ? km_known_val(addr + m->offset) : (struct km_val){.known = KM_ABSENT};
}

struct km_val km_find_addr_of(struct km_memory *mem, struct km_layout *layout, uint64_t addr,
			      enum km_member_id id)
{
	const struct behind *b = find_behind(layout, id);
	struct km_val at;

	if (!b)
		return km_addr_of(layout, addr, id);
	at = follow(mem, layout, addr, b);
	return km_is_known(at) ? km_addr_of(layout, at.v, b->target) : at;
}

static struct km_bitfield bitfield(struct km_layout *layout, enum km_member_id id)
{
	const struct km_member *m = km_layout_member(layout, id);
	unsigned shift;

	if (!m)
		return (struct km_bitfield){0};
	shift = m->offset * 8 + m->bit_off;
	return (struct km_bitfield){
		.shift = (uint8_t)shift,
		.width = (uint8_t)(m->bit_size ? m->bit_size : m->size * 8),
	};
}

struct km_page_role_layout km_layout_page_role(struct km_layout *layout)
{
	struct km_page_role_layout role;

#define KM_ROLE_BITS(field) role.field = bitfield(layout, KM_M_kvm_mmu_page_role_##field);
	KM_PAGE_ROLE_FIELDS(KM_ROLE_BITS)
#undef KM_ROLE_BITS
	if (!role.efer_nx.width)
		role.efer_nx = bitfield(layout, KM_M_kvm_mmu_page_role_nxe);
	return role;
}

struct km_ext_role_layout km_layout_ext_role(struct km_layout *layout)
{
	struct km_ext_role_layout role;

#define KM_ROLE_BITS(field) role.field = bitfield(layout, KM_M_kvm_mmu_extended_role_##field);
	KM_EXT_ROLE_FIELDS(KM_ROLE_BITS)
#undef KM_ROLE_BITS
	return role;
}
