// SPDX-License-Identifier: GPL-2.0-or-later
/* libFuzzer target: any bytes as a text trace. */
#include "trace.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct km_trace_rules rules = {.has_masks = true, .test_count = 1};
	FILE *in = len ? fmemopen((void *)data, len, "r") : NULL;
	struct km_trace trace;

	if (!in)
		return 0;
	rules.masks = km_spte_default_masks(KM_PAGING_NPT, KM_SPTE_7_2);
	km_error_free(km_trace_read(in, &rules, NULL, NULL, &trace));
	for (size_t i = 0; i < trace.vcpu_count; i++) {
		for (size_t j = 0; j < trace.vcpus[i]->hot_count; j++) {
			const struct km_trace_tally *in_tally;

			km_trace_loop(&trace.vcpus[i]->hot[j], &in_tally);
			km_trace_rate(&trace, in_tally);
		}
	}
	km_trace_deinit(&trace);
	fclose(in);
	return 0;
}
