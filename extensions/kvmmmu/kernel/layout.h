/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The layout manifest (layout.def) resolved against a type source, and reading structures by it.
 */
#ifndef KVMMMU_LAYOUT_H
#define KVMMMU_LAYOUT_H

#include "memory.h"
#include "role.h"
#include "types.h"

enum km_type_id {
#define KM_TYPE(id, ...) KM_T_##id,
#define KM_MEMBER(type, id, ...)
#include "layout.def"
#undef KM_TYPE
#undef KM_MEMBER
	KM_TYPE_IDS,
};

enum km_member_id {
#define KM_TYPE(id, ...)
#define KM_MEMBER(type, id, ...) KM_M_##type##_##id,
#include "layout.def"
#undef KM_TYPE
#undef KM_MEMBER
	KM_MEMBER_IDS,
};

enum km_known {
	KM_KNOWN,
	KM_UNREADABLE, /* the page is not in the dump */
	KM_ABSENT,     /* this kernel has no such member */
};

/* A value read from the target, or why there is none; @v is 0 then. */
struct km_val {
	uint64_t v;
	enum km_known known;
};

static inline bool km_is_known(struct km_val val)
{
	return val.known == KM_KNOWN;
}

static inline struct km_val km_known_val(uint64_t v)
{
	return (struct km_val){.v = v, .known = KM_KNOWN};
}

/* Room for "0x" and 16 digits. */
#define KM_VAL_TEXT 24

/* "18" or, with @hex, "0x12"; "?" if it is not known. Into @buf, which it returns. */
const char *km_val_spell(struct km_val val, bool hex, char buf[KM_VAL_TEXT]);

struct km_layout;

/* Takes over @types. NULL when memory is out (@types is freed then). */
struct km_layout *km_layout_new(struct km_types *types);
void km_layout_free(struct km_layout *layout);

struct km_types *km_layout_types(struct km_layout *layout);

/* Gives the types back to the caller; the layout answers nothing new any more. */
struct km_types *km_layout_release_types(struct km_layout *layout);

/* The member, resolved at first use; NULL if this kernel does not have it. */
const struct km_member *km_layout_member(struct km_layout *layout, enum km_member_id id);
bool km_has(struct km_layout *layout, enum km_member_id id);

/* Bytes of a structure; 0 if this kernel (or its type information) does not have it. */
uint32_t km_layout_sizeof(struct km_layout *layout, enum km_type_id id);

/* The first thing other than "no such member" that went wrong while resolving, or NULL. Borrowed.
 */
const km_error *km_layout_error(const struct km_layout *layout);

/* "kvm_mmu.root_role": for messages. */
const char *km_member_name(enum km_member_id id);

/* The tag and path by which the type source knows the member; false if this kernel lacks it. */
bool km_layout_path(struct km_layout *layout, enum km_member_id id, const char **tag,
		    const char **path);

/* The type that the member is declared in. */
enum km_type_id km_member_type(enum km_member_id id);

/* The tag by which the type source knows the type, else its newest. */
const char *km_layout_tag(struct km_layout *layout, enum km_type_id id);

/*
 * Reads member @id of the structure at @addr: an integer of at most 8 bytes (sign-extended if it is
 * signed) or a bit-field.
 */
struct km_val km_get(struct km_memory *mem, struct km_layout *layout, uint64_t addr,
		     enum km_member_id id);

/* Likewise element @index of array member @id; out of range reads as KM_ABSENT. */
struct km_val km_get_elem(struct km_memory *mem, struct km_layout *layout, uint64_t addr,
			  enum km_member_id id, uint32_t index);

/*
 * Reads the characters of member @id into @buf of @size bytes and ends them; "" if the kernel has
 * no such member or it is too long for @buf. Errors as km_read_string(), @buf being "" then, too.
 */
km_error *km_get_string(struct km_memory *mem, struct km_layout *layout, uint64_t addr,
			enum km_member_id id, char *buf, size_t size);

/* Address of member @id in the structure at @addr; KM_ABSENT if there is none. */
struct km_val km_addr_of(struct km_layout *layout, uint64_t addr, enum km_member_id id);

/* Where the type source put the bit-fields of the roles. */
struct km_page_role_layout km_layout_page_role(struct km_layout *layout);
struct km_ext_role_layout km_layout_ext_role(struct km_layout *layout);

#endif
