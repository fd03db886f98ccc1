/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Resolves layout.def against a type source, and reads structures with it.
 */
#ifndef KVMMMU_LAYOUT_H
#define KVMMMU_LAYOUT_H

#include "base/memory.h"
#include "base/val.h"
#include "rules/page_fault_fields.h"
#include "rules/role.h"
#include "types/types.h"

enum km_type_id {
#define KM_TYPE(id, ...) KM_T_##id,
#define KM_MEMBER(type, id, ...)
#include "kernel/layout.def"
#undef KM_TYPE
#undef KM_MEMBER
	KM_TYPE_IDS,
};

enum km_member_id {
#define KM_TYPE(id, ...)
#define KM_MEMBER(type, id, ...) KM_M_##type##_##id,
#include "kernel/layout.def"
#undef KM_TYPE
#undef KM_MEMBER
	KM_MEMBER_IDS,
};

struct km_layout;

/*
 * Return a layout that owns @types; NULL, with @types freed, if memory is exhausted. Free it with
 * km_layout_free().
 */
struct km_layout *km_layout_new(struct km_types *types);
void km_layout_free(struct km_layout *layout);

struct km_types *km_layout_types(struct km_layout *layout);

/* Return the types to the caller, who frees them. The layout cannot resolve anything after that. */
struct km_types *km_layout_release_types(struct km_layout *layout);

/* Return the member, resolved at first use; NULL if the structure of this kernel does not have it.
 */
const struct km_member *km_layout_member(struct km_layout *layout, enum km_member_id id);

/* Does this kernel have the member, in its structure or behind a pointer (KM_BEHIND)? */
bool km_has(struct km_layout *layout, enum km_member_id id);

/* Return the size of a structure in bytes; 0 if this kernel or its types do not have it. */
uint32_t km_layout_sizeof(struct km_layout *layout, enum km_type_id id);

/* Return the first error other than KM_EABSENT while resolving, or NULL. The layout owns it. */
const km_error *km_layout_error(const struct km_layout *layout);

/* Return "kvm_mmu.root_role", for messages. */
const char *km_member_name(enum km_member_id id);

/* Get the tag and path of the member in the type source. Return false if this kernel lacks it. */
bool km_layout_path(struct km_layout *layout, enum km_member_id id, const char **tag,
		    const char **path);

/* Return the path of the member in the newest kernel: "root_role.word". */
const char *km_member_path(enum km_member_id id);

/* Return the tag of the type in the newest kernel. */
const char *km_type_tag(enum km_type_id id);

/* Return the type that the member is declared in. */
enum km_type_id km_member_type(enum km_member_id id);

/* Return the tag of the type in the type source; its newest tag if it is not there. */
const char *km_layout_tag(struct km_layout *layout, enum km_type_id id);

/*
 * Read member @id of the structure at @addr: an integer of at most 8 bytes (sign-extended if it is
 * signed) or a bit-field. A bool that is neither 0 nor 1 is corrupted. A pointer to the member
 * (KM_BEHIND) is followed.
 */
struct km_val km_get(struct km_memory *mem, struct km_layout *layout, uint64_t addr,
		     enum km_member_id id);

/* Read element @index of array member @id; KM_ABSENT if it is out of range. */
struct km_val km_get_elem(struct km_memory *mem, struct km_layout *layout, uint64_t addr,
			  enum km_member_id id, uint32_t index);

/*
 * Read the characters of member @id into @buf of @size bytes and terminate it. @buf is "" if the
 * kernel has no such member, if it is too long for @buf, or on an error (see km_read_string()).
 */
km_error *km_get_string(struct km_memory *mem, struct km_layout *layout, uint64_t addr,
			enum km_member_id id, char *buf, size_t size);

/* Return the address of member @id in the structure at @addr; KM_ABSENT if there is none. */
struct km_val km_addr_of(struct km_layout *layout, uint64_t addr, enum km_member_id id);

/*
 * The same, also for a member behind a pointer (KM_BEHIND), which is read. KM_UNREADABLE: it is not
 * readable, or NULL.
 */
struct km_val km_find_addr_of(struct km_memory *mem, struct km_layout *layout, uint64_t addr,
			      enum km_member_id id);

/* Return the positions of the bit-fields in the roles. */
struct km_page_role_layout km_layout_page_role(struct km_layout *layout);
struct km_ext_role_layout km_layout_ext_role(struct km_layout *layout);

#endif
