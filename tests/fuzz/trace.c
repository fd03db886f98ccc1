// SPDX-License-Identifier: GPL-2.0-or-later
/* libFuzzer target: any bytes as a text trace. */
#include "trace/trace_read.h"
#include "trace/loops.h"
#include "trace/numbers.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What the answer asks of a trace. */
static void ask(const struct km_trace *trace)
{
	struct km_loop *loops;
	char spelled[256];
	size_t count;

	km_error_free(km_trace_loops(trace, &loops, &count));
	for (size_t i = 0; i < count; i++) {
		km_loop_certainty(trace, &loops[i]);
		km_trace_rate(trace, loops[i].seen);
		km_ept_qualification_spell(loops[i].fault->error_code, spelled, sizeof(spelled));
		km_vectoring_spell(loops[i].fault->vectoring, spelled, sizeof(spelled));
	}
	free(loops);
	for (size_t i = 0; i < trace->log.count; i++) {
		const struct km_log_entry *entry = &trace->log.entries[i];

		for (size_t j = 0; j < entry->spte_count; j++) {
			char bits[200] = "";

			km_fit_bits_text(entry->sptes[j].value, KM_PAGING_EPT,
					 entry->sptes[j].level, bits, sizeof(bits));
			km_fit_fits(KM_FIT_NPT_6_1, entry->sptes[j].value, entry->sptes[j].level,
				    bits, sizeof(bits));
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct km_trace trace;
	FILE *in = len ? fmemopen((void *)data, len, "r") : NULL;
	struct km_trace_rules rules;

	if (!in)
		return 0;
	km_trace_rules_infer(&rules);
	km_error_free(km_trace_read(in, &rules, NULL, NULL, &trace));
	ask(&trace);
	km_trace_deinit(&trace);
	fclose(in);
	return 0;
}
