// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer target: the input as BTF, alone and based on a small valid one.
 */
#include "types/btf_types.h"

#include <bpf/btf.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void ask(struct km_types *types)
{
	static const char *const tags[] = {"a", "b", "kvm", "list_head"};
	static const char *const paths[] = {"a", "b", "a.a", "a[1]", "a[1].b", "next", "b.b.b"};
	struct km_member member;
	uint32_t size;
	int64_t value;

	for (size_t i = 0; i < sizeof(tags) / sizeof(*tags); i++) {
		km_error_free(km_types_sizeof(types, tags[i], &size));
		km_error_free(km_types_enumerator(types, tags[i], "a", &value));
		for (size_t j = 0; j < sizeof(paths) / sizeof(*paths); j++)
			km_error_free(km_types_member(types, tags[i], paths[j], &member));
	}
	km_error_free(km_types_enumerator(types, NULL, "b", &value));
}

/* Return the base of a split blob. */
static struct km_types *sound_base(void)
{
	struct btf *btf = btf__new_empty();
	struct km_types *types = NULL;
	const void *bytes;
	uint32_t len;

	btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	btf__add_struct(btf, "list_head", 8);
	btf__add_field(btf, "next", 1, 0, 0);
	btf__add_field(btf, "a", 1, 32, 3);
	bytes = btf__raw_data(btf, &len);
	km_error_free(km_btf_open(bytes, len, NULL, "base", &types));
	btf__free(btf);
	return types;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct km_types *base = sound_base();

	for (int split = 0; split < 2; split++) {
		struct km_types *types = NULL;

		km_error_free(km_btf_open(data, len, split ? base : NULL, "fuzz", &types));
		if (types)
			ask(types);
		km_types_free(types);
	}
	km_types_free(base);
	return 0;
}
