// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/follow_faults.h"

#include "trace/faults.h"

/* One of each kind. */
static void keep_odd_one(struct km_trace *t, enum km_trace_verdict verdict,
			 const struct km_trace_event *e)
{
	for (size_t i = 0; i < t->odd_count; i++) {
		if (t->odd_ones[i].old_spte == e->old_spte &&
		    t->odd_ones[i].error_code == e->error_code)
			return;
	}
	if (t->odd_count == sizeof(t->odd_ones) / sizeof(t->odd_ones[0]))
		return;
	t->odd_verdicts[t->odd_count] = verdict;
	t->odd_ones[t->odd_count++] = *e;
}

/* Neither spurious nor fixed: use the SPTEs, in case the flags were lost in printing. */
static enum km_trace_verdict neither(struct km_trace *t, struct km_trace_vcpu *v,
				     const struct km_trace_event *e)
{
	enum km_ret_pf ret = km_trace_outcome_by_sptes(&t->rules, e);
	struct km_trace_event seen = *e;
	enum km_trace_verdict verdict;

	seen.spurious = ret == KM_RET_PF_SPURIOUS;
	seen.fixed = ret == KM_RET_PF_FIXED;
	verdict = km_trace_judge(&t->rules, &seen);
	t->no_outcome_verdicts[verdict] += e->count;
	if (v && seen.fixed)
		km_faults_count(v, KM_OUTCOME_SEEN_FIXED, e->count);
	if (v && seen.spurious)
		km_faults_count(v, KM_OUTCOME_SEEN_SPURIOUS, e->count);
	if (v)
		km_faults_count(v, KM_OUTCOME_SLOW, e->count);
	/* no matter who changed it: this fault is over */
	if (v && seen.fixed)
		km_faults_fixed(v);
	return verdict;
}

static void count_outcome(struct km_trace *t, struct km_trace_vcpu *v,
			  const struct km_trace_event *e)
{
	enum km_trace_verdict verdict = km_trace_judge(&t->rules, e);

	t->verdicts[verdict] += e->count;
	if (verdict == KM_VERDICT_DIFFERS || verdict == KM_VERDICT_CONTRADICTS)
		keep_odd_one(t, verdict, e);
	if (v && verdict == KM_VERDICT_CONTRADICTS)
		km_faults_count(v, KM_OUTCOME_CONTRADICTS, e->count);
	if (!e->spurious && !e->fixed)
		neither(t, v, e);
	else if (v)
		km_faults_count(v, e->spurious ? KM_OUTCOME_SPURIOUS : KM_OUTCOME_FIXED, e->count);
	if (v && e->fixed)
		km_faults_fixed(v);
}

/* Raw fields have a RET_PF_* number, which depends on the kernel: use the SPTEs instead. */
static struct km_trace_event with_outcome(struct km_trace *t, const struct km_trace_event *e)
{
	struct km_trace_event whole = *e;
	enum km_ret_pf ret;

	if (!e->no_outcome)
		return whole;
	ret = km_trace_outcome_by_sptes(&t->rules, e);
	whole.spurious = ret == KM_RET_PF_SPURIOUS;
	whole.fixed = ret == KM_RET_PF_FIXED;
	return whole;
}

void km_follow_fast_page_fault(struct km_trace *t, struct km_trace_vcpu *v,
			       const struct km_trace_event *printed)
{
	struct km_trace_event whole;
	const struct km_trace_event *e = &whole;
	struct km_trace_fault *f;

	km_trace_exclude_spte(&t->rules, printed->old_spte, 0);
	km_trace_exclude_spte(&t->rules, printed->new_spte, 0);
	whole = with_outcome(t, printed);
	if (!v) {
		count_outcome(t, v, e);
		return;
	}
	/* the fault itself may not have been traced */
	if (v->has_exit && !v->exit.has_address && !t->events[KM_TRACE_PAGE_FAULT]) {
		v->exit.has_address = true;
		v->exit.address = e->address;
		km_follow_fault_of_exit(t, v);
	}
	if (!v->waits_for_fast || v->current == KM_NO_FAULT ||
	    v->hot[v->current].address != e->address) {
		struct km_trace_fault key = km_faults_key(e, false);

		key.has_pferr = true;
		key.pferr = e->error_code;
		km_faults_begin(t, v, e, &key);
	}
	v->waits_for_fast = false;
	f = &v->hot[v->current];
	f->has_pferr = true;
	f->pferr = e->error_code;
	f->old_spte = e->old_spte;
	f->new_spte = e->new_spte;
	if (e->old_spte == e->new_spte)
		km_faults_count(v, KM_OUTCOME_UNCHANGED, e->count);
	count_outcome(t, v, e);
}
