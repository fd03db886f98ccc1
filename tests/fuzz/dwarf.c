// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer target: the input as an object file with DWARF, like a module's debuginfo.
 */
#include "bytes.h"
#include "types/dwarf_types.h"

static void ask(struct km_types *types)
{
	static const char *const tags[] = {"a", "b", "kvm", "list_head", "frame_t"};
	static const char *const paths[] = {"a", "b", "a.a", "a[1]", "a[1].b", "next", "b.b.b"};
	struct km_member member;
	uint32_t size;
	int64_t value;
	bool is_signed;

	for (size_t i = 0; i < sizeof(tags) / sizeof(*tags); i++) {
		km_error_free(km_types_sizeof(types, tags[i], &size));
		km_error_free(km_types_enumerator(types, tags[i], "ONE", &value));
		for (size_t j = 0; j < sizeof(paths) / sizeof(*paths); j++)
			km_error_free(km_types_member(types, tags[i], paths[j], &member));
	}
	km_error_free(km_types_enumerator(types, NULL, "ONE", &value));
	km_error_free(km_dwarf_parameter(types, "f", "a", &size, &is_signed));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char path[32];
	int fd = bytes_file(data, len, path);
	struct km_debuginfo info = {0};
	struct km_types *types = NULL;
	km_error *err = km_debuginfo_init(&info, path);

	if (!err)
		err = km_dwarf_open(&info, &types);
	if (types)
		ask(types);
	km_types_free(types);
	km_debuginfo_deinit(&info);
	km_error_free(err);
	close(fd);
	return 0;
}
