// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer target: the input as memory that contains kallsyms, with its tables at any place.
 */
#include "dump/kallsyms.h"
#include "bytes.h"

#include <inttypes.h>

static const struct km_target_ops ops = {.read_virt = bytes_read_virt};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const names[] = {"kallsyms_names",	    "kallsyms_num_syms",
					    "kallsyms_token_table", "kallsyms_token_index",
					    "kallsyms_offsets",	    "kallsyms_relative_base"};
	struct bytes bytes = {.target = {.ops = &ops, .host = "fuzz"}, .data = data, .len = len};
	struct km_kallsyms *kallsyms;
	struct km_memory *mem;
	char info[512], name[64];
	size_t used = 0;
	uint64_t addr;
	km_error *err;

	/* the first bytes are the offsets of the tables; an odd length: no relative base */
	for (size_t i = 0; i < 6 - len % 2; i++) {
		uint16_t at = 0;

		if (len >= 2 * i + 2)
			memcpy(&at, data + 2 * i, 2);
		used += (size_t)snprintf(info + used, sizeof(info) - used,
					 "SYMBOL(%s)=%" PRIx64 "\n", names[i],
					 BYTES_BASE + at % 4096u);
	}
	mem = km_memory_new(&bytes.target);
	if (!mem)
		return 0;
	err = km_kallsyms_read(mem, info, &kallsyms);
	if (!err) {
		km_kallsyms_lookup(kallsyms, "vm_list", &addr);
		km_kallsyms_lookup_address(kallsyms, BYTES_BASE, name, sizeof(name), &addr);
		km_kallsyms_free(kallsyms);
	}
	km_error_free(err);
	km_memory_free(mem);
	return 0;
}
