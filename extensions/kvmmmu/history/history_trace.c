// SPDX-License-Identifier: GPL-2.0-or-later
#include "history/history_trace.h"

#include <string.h>

const struct km_instance *km_history_best(const struct km_history *h)
{
	const struct km_instance *best = NULL;

	for (size_t i = 0; i < h->count; i++) {
		const struct km_instance *x = &h->instances[i];

		if (x->events && (!best || x->faults > best->faults ||
				  (x->faults == best->faults && x->events > best->events)))
			best = x;
	}
	return best;
}

bool km_history_rules(const struct km_kernel *k, struct km_trace_rules *rules)
{
	struct km_trace_format *format = &rules->formats[0];

	memset(rules, 0, sizeof(*rules));
	if (!k->features.spte_known)
		return false;
	format->masks = k->masks;
	rules->count = 1;
	if (k->features.spte_table)
		km_trace_add_tables(format);
	else
		km_trace_add_legacy(format);
	return true;
}

km_error *km_history_trace(const struct km_history *h, const struct km_instance *instance,
			   const struct km_trace_rules *rules, km_trace_progress_fn *progress,
			   void *ctx, struct km_trace *trace)
{
	FILE *file = km_history_open(h, instance);
	km_error *err = file ? km_trace_read(file, rules, progress, ctx, trace)
			     : km_errorf(KM_ENOMEM, "out of memory");

	if (file)
		fclose(file);
	return err;
}
