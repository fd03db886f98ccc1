// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/names.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a */
static size_t hash(const char *name, size_t len)
{
	uint64_t value = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < len; i++)
		value = (value ^ (unsigned char)name[i]) * 0x100000001b3ULL;
	return (size_t)(value ^ value >> 32);
}

/* The slot of @name, or the free one where it belongs. There is a free one. */
static const char **slot_of(const struct km_names *names, const char *name, size_t len)
{
	size_t mask = names->size - 1, i = hash(name, len) & mask;

	while (names->names[i] && (strncmp(names->names[i], name, len) || names->names[i][len]))
		i = (i + 1) & mask;
	return &names->names[i];
}

static bool grow(struct km_names *names)
{
	struct km_names larger = {.size = names->size ? 2 * names->size : 64,
				  .count = names->count};

	larger.names = calloc(larger.size, sizeof(*larger.names));
	if (!larger.names)
		return false;
	for (size_t i = 0; i < names->size; i++) {
		const char *name = names->names[i];

		if (name)
			*slot_of(&larger, name, strlen(name)) = name;
	}
	free(names->names);
	*names = larger;
	return true;
}

const char *km_names_add(struct km_names *names, const char *name, size_t len)
{
	const char **slot;

	if (!len)
		return "";
	if (2 * names->count >= names->size && !grow(names))
		return NULL;
	slot = slot_of(names, name, len);
	if (!*slot) {
		*slot = strndup(name, len);
		names->count += *slot != NULL;
	}
	return *slot;
}

bool km_names_have(const struct km_names *names, const char *name)
{
	return !name[0] || (names->size && *slot_of(names, name, strlen(name)));
}

void km_names_deinit(struct km_names *names)
{
	for (size_t i = 0; i < names->size; i++)
		free((char *)names->names[i]);
	free(names->names);
	*names = (struct km_names){0};
}
