// SPDX-License-Identifier: GPL-2.0-or-later
#include "types/types_chain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct chain {
	struct km_types types;
	size_t n;
	struct km_types *list[];
};

static struct chain *chain_of(struct km_types *types)
{
	return (struct chain *)types;
}

/* Keep the more informative of two errors: damage rather than absence, else the first. */
static km_error *worse(km_error *a, km_error *b)
{
	if (a && (km_error_code(a) != KM_EABSENT || km_error_code(b) == KM_EABSENT)) {
		km_error_free(b);
		return a;
	}
	km_error_free(a);
	return b;
}

static km_error *no_sources(struct km_types *types)
{
	return km_errorf(KM_EABSENT, "%s: no type sources", types->origin);
}

/* Find the first source that has @tag, and its size. */
static km_error *find(struct km_types *types, const char *tag, struct km_types **source,
		      uint32_t *size)
{
	struct chain *chain = chain_of(types);
	km_error *err = NULL;

	for (size_t i = 0; i < chain->n; i++) {
		km_error *failed = km_types_sizeof(chain->list[i], tag, size);

		if (!failed) {
			km_error_free(err);
			*source = chain->list[i];
			return NULL;
		}
		err = worse(err, failed);
	}
	return err ? err : no_sources(types);
}

static km_error *size_of(struct km_types *types, const char *tag, uint32_t *size)
{
	struct km_types *source;

	return find(types, tag, &source, size);
}

static km_error *member(struct km_types *types, const char *tag, const char *path,
			struct km_member *member)
{
	struct km_types *source;
	uint32_t size;
	km_error *err = find(types, tag, &source, &size);

	return err ? err : km_types_member(source, tag, path, member);
}

static km_error *enumerator(struct km_types *types, const char *tag, const char *name,
			    int64_t *value)
{
	struct chain *chain = chain_of(types);
	km_error *err = NULL;

	for (size_t i = 0; i < chain->n; i++) {
		km_error *failed = km_types_enumerator(chain->list[i], tag, name, value);

		if (!failed) {
			km_error_free(err);
			return NULL;
		}
		err = worse(err, failed);
	}
	return err ? err : no_sources(types);
}

static km_error *parameter(struct km_types *types, const char *function, const char *param,
			   uint32_t *size, bool *is_signed)
{
	struct chain *chain = chain_of(types);
	km_error *err = NULL;

	for (size_t i = 0; i < chain->n; i++) {
		km_error *failed =
			km_types_parameter(chain->list[i], function, param, size, is_signed);

		if (!failed) {
			km_error_free(err);
			return NULL;
		}
		err = worse(err, failed);
	}
	return err ? err : no_sources(types);
}

static km_error *copy(struct km_types *types, const char *tag, struct km_closure *closure)
{
	struct km_types *source;
	uint32_t size;
	km_error *err = find(types, tag, &source, &size);

	return err ? err : km_types_copy(source, tag, closure);
}

static void copied(struct km_types *types)
{
	struct chain *chain = chain_of(types);

	for (size_t i = 0; i < chain->n; i++)
		km_types_copied(chain->list[i]);
}

static void chain_free(struct km_types *types)
{
	struct chain *chain = chain_of(types);

	for (size_t i = 0; i < chain->n; i++)
		km_types_free(chain->list[i]);
	free(types->origin);
	free(chain);
}

static const struct km_types_ops chain_ops = {
	.size_of = size_of,
	.member = member,
	.enumerator = enumerator,
	.copy = copy,
	.copied = copied,
	.parameter = parameter,
	.free = chain_free,
};

void km_drop_folders(char *origin)
{
	char *out = origin, *word = origin;

	for (const char *in = origin; *in; in++) {
		if (*in == '/')
			out = word;
		else
			*out++ = *in;
		if (*in == ' ')
			word = out;
	}
	*out = '\0';
}

/* "DWARF of a/kvm.ko, DWARF of b/vmlinux" */
static char *join_origins(struct km_types *const *list, size_t n)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%s%s", i ? ", " : "", list[i]->origin);
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

km_error *km_types_chain(struct km_types *const *list, size_t n, struct km_types **types)
{
	struct chain *chain = calloc(1, sizeof(*chain) + n * sizeof(*list));
	char *origin = join_origins(list, n);

	if (!chain || !origin) {
		for (size_t i = 0; i < n; i++)
			km_types_free(list[i]);
		free(origin);
		free(chain);
		return km_errorf(KM_ENOMEM, "out of memory");
	}
	chain->types = (struct km_types){.ops = &chain_ops, .origin = origin};
	chain->n = n;
	if (n)
		memcpy(chain->list, list, n * sizeof(*list));
	*types = &chain->types;
	return NULL;
}
