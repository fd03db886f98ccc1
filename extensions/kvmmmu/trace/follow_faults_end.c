// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/follow_faults.h"

#include "trace/faults.h"

#include <stdlib.h>
#include <string.h>

static int more_frequent(const void *a, const void *b)
{
	const struct km_trace_fault *fa = a, *fb = b;

	return (fa->all.faults < fb->all.faults) - (fa->all.faults > fb->all.faults);
}

/* Take the outcome from the SPTEs. */
static void believe_sptes(struct km_trace_tally *tally)
{
	uint32_t *n = tally->n;

	n[KM_OUTCOME_FIXED] += n[KM_OUTCOME_SEEN_FIXED];
	n[KM_OUTCOME_SPURIOUS] += n[KM_OUTCOME_SEEN_SPURIOUS];
	n[KM_OUTCOME_SLOW] -= n[KM_OUTCOME_SEEN_FIXED] + n[KM_OUTCOME_SEEN_SPURIOUS];
}

/* Are spurious and fixed 0 in each event, although the SPTEs of most contradict that? */
static bool outcome_is_lost(const struct km_trace *t)
{
	uint64_t said = 0, seen = 0, fast = t->events[KM_TRACE_FAST_PAGE_FAULT];

	for (size_t i = 0; i < t->vcpu_count; i++) {
		const uint32_t *n = t->vcpus[i]->all.n;

		said += n[KM_OUTCOME_SPURIOUS] + n[KM_OUTCOME_FIXED];
		seen += n[KM_OUTCOME_SEEN_SPURIOUS] + n[KM_OUTCOME_SEEN_FIXED];
	}
	return !said && seen && seen * 2 > fast;
}

static void end_vcpu(struct km_trace *t, struct km_trace_vcpu *v)
{
	if (v->has_exit &&
	    (!t->events[KM_TRACE_PAGE_FAULT] || v->exit.reason == KM_REASON_EPT_MISCONFIG))
		km_follow_fault_of_exit(t, v);
	km_follow_end_attempt(v);
	for (size_t j = 0; j < v->hot_count; j++)
		km_faults_end_run(&v->hot[j]);
	if (v->progress.faults > v->best_progress.faults)
		v->best_progress = v->progress;
}

static void believe_vcpu(struct km_trace_vcpu *v)
{
	believe_sptes(&v->all);
	for (size_t j = 0; j < v->hot_count; j++) {
		believe_sptes(&v->hot[j].all);
		believe_sptes(&v->hot[j].best);
	}
}

static uint64_t pages_counted(const struct km_trace *t)
{
	/* -m ln(1 - set/m), as its series: exact for few */
	double full = (double)t->page_bits_set / KM_TRACE_PAGES, power = full, sum = 0;

	for (int i = 1; i < 200 && power > 1e-12; i++, power *= full)
		sum += power / i;
	return (uint64_t)(sum * KM_TRACE_PAGES + 0.5);
}

void km_follow_end(struct km_trace *t)
{
	for (size_t i = 0; i < t->vcpu_count; i++)
		end_vcpu(t, t->vcpus[i]);
	t->outcome_lost = outcome_is_lost(t);
	if (t->outcome_lost)
		memcpy(t->verdicts, t->no_outcome_verdicts, sizeof(t->verdicts));
	for (size_t i = 0; i < t->vcpu_count; i++) {
		struct km_trace_vcpu *v = t->vcpus[i];

		if (t->outcome_lost)
			believe_vcpu(v);
		qsort(v->hot, v->hot_count, sizeof(v->hot[0]), more_frequent);
	}
	t->pages = pages_counted(t);
}
