// SPDX-License-Identifier: GPL-2.0-or-later
/* libFuzzer target: any bytes as an answer in JSON that diff compares. */
#include "commands/moments_json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct km_moments moments;
	km_error *err = km_moments_parse((const char *)data, len, &moments);

	/* what is sorted is what was read */
	for (size_t i = 0; !err && i < moments.count; i++) {
		if (moments.list[i].walk.count > KM_WALK_LEVELS || !moments.sorted[i])
			abort();
		km_moments_find(&moments, &moments.list[i]);
	}
	km_error_free(err);
	km_moments_deinit(&moments);
	return 0;
}
