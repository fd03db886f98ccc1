// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/trace.h"

#include <stdlib.h>
#include <string.h>

void km_trace_deinit(struct km_trace *t)
{
	for (size_t i = 0; i < t->vcpu_count; i++)
		free(t->vcpus[i]);
	free(t->vcpus);
	free(t->mappings);
	free(t->page_bits);
	memset(t, 0, sizeof(*t));
}

uint64_t km_trace_faults(const struct km_trace *t)
{
	uint64_t faults = 0;

	for (size_t i = 0; i < t->vcpu_count; i++)
		faults += t->vcpus[i]->all.faults;
	return faults;
}

double km_trace_rate(const struct km_trace *t, const struct km_trace_tally *tally)
{
	if (!t->seconds || !tally->has_time || tally->last <= tally->first || tally->faults < 2)
		return 0;
	return (double)(tally->faults - 1) * 1e9 / (double)(tally->last - tally->first);
}
