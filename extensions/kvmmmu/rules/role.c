// SPDX-License-Identifier: GPL-2.0-or-later
#include "rules/role.h"

#define ROLE_WORD_BITS 32
#define ARRAY_SIZE(a)  (sizeof(a) / sizeof((a)[0]))

/* A field that does not fit into the word comes from damaged type information. */
static bool has_field(struct km_bitfield field)
{
	return field.width && field.shift + field.width <= ROLE_WORD_BITS;
}

static unsigned field_value(struct km_bitfield field, uint32_t word)
{
	if (!has_field(field))
		return 0;
	return (word >> field.shift) & ((UINT64_C(1) << field.width) - 1);
}

struct km_page_role km_page_role_decode(const struct km_page_role_layout *layout, uint32_t word)
{
#define DECODE(name) .name = (uint8_t)field_value(layout->name, word),
	struct km_page_role role = {.word = word, KM_PAGE_ROLE_FIELDS(DECODE)};

	if (!has_field(layout->has_4_byte_gpte) && has_field(layout->gpte_is_8_bytes))
		role.has_4_byte_gpte = !role.gpte_is_8_bytes;
	return role;
}

struct km_ext_role km_ext_role_decode(const struct km_ext_role_layout *layout, uint32_t word)
{
	return (struct km_ext_role){.word = word, KM_EXT_ROLE_FIELDS(DECODE)};
#undef DECODE
}

struct named_field {
	const char *name;
	struct km_bitfield field;
};

static void spell(const struct named_field *fields, size_t count, uint32_t word,
		  void (*emit)(void *ctx, const char *name, unsigned value), void *ctx)
{
	for (unsigned shift = 0; shift < ROLE_WORD_BITS; shift++)
		for (size_t i = 0; i < count; i++)
			if (has_field(fields[i].field) && fields[i].field.shift == shift)
				emit(ctx, fields[i].name, field_value(fields[i].field, word));
}

#define NAMED(name) {#name, layout->name},

void km_page_role_spell(const struct km_page_role_layout *layout, uint32_t word,
			void (*emit)(void *ctx, const char *name, unsigned value), void *ctx)
{
	const struct named_field fields[] = {KM_PAGE_ROLE_FIELDS(NAMED)};

	spell(fields, ARRAY_SIZE(fields), word, emit, ctx);
}

void km_ext_role_spell(const struct km_ext_role_layout *layout, uint32_t word,
		       void (*emit)(void *ctx, const char *name, unsigned value), void *ctx)
{
	const struct named_field fields[] = {KM_EXT_ROLE_FIELDS(NAMED)};

	spell(fields, ARRAY_SIZE(fields), word, emit, ctx);
}
