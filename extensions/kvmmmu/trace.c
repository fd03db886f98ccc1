// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINE 4096

/* --- one event and our rule --- */

/* What the rule says of the event if the SPTE is at @level. */
static struct km_fast_page_fault predict(const struct km_trace_rules *rules,
					 const struct km_trace_test *test,
					 const struct km_trace_event *e, int level,
					 bool dirty_logged)
{
	struct km_fast_page_fault_in in = {
		.masks = &rules->masks,
		.words = test->has_words ? test->words : NULL,
		.form = KM_SPF_MERGED,
		.error_code = e->error_code,
		.spte = e->old_spte,
		.level = level,
		.dirty_logged = dirty_logged,
	};

	return km_fast_page_fault(&in);
}

static enum km_ret_pf traced(const struct km_trace_event *e)
{
	return e->spurious ? KM_RET_PF_SPURIOUS : e->fixed ? KM_RET_PF_FIXED : KM_RET_PF_INVALID;
}

/* Does the event fit this test? */
static enum km_trace_verdict judge_by(const struct km_trace_rules *rules,
				      const struct km_trace_test *test,
				      const struct km_trace_event *e)
{
	struct km_fast_page_fault said = predict(rules, test, e, PG_LEVEL_4K, false);
	bool same_spte = e->new_spte == said.new_spte;

	if (!said.tried)
		return KM_VERDICT_DIFFERS;
	if (said.ret == traced(e))
		return same_spte ? KM_VERDICT_FITS : KM_VERDICT_RACE;
	/* a table above level 1, or a huge page in a dirty-logged slot, is left alone */
	if (traced(e) == KM_RET_PF_INVALID &&
	    predict(rules, test, e, PG_LEVEL_2M, true).ret == KM_RET_PF_INVALID)
		return e->new_spte == e->old_spte ? KM_VERDICT_FITS_ABOVE : KM_VERDICT_RACE;
	if (traced(e) == KM_RET_PF_INVALID && e->new_spte != e->old_spte)
		return KM_VERDICT_RACE;
	if (e->spurious && said.step != KM_FAST_NO_SPTE)
		return KM_VERDICT_CONTRADICTS;
	return KM_VERDICT_DIFFERS;
}

enum km_trace_verdict km_trace_judge(const struct km_trace_rules *rules,
				     const struct km_trace_event *e)
{
	enum km_trace_verdict best = KM_VERDICT_DIFFERS;
	bool contradicts = true;

	/* Every test of every kernel denies a write where bit 1 is clear. */
	if (e->spurious && (e->error_code & PFERR_WRITE_MASK) &&
	    !(e->error_code & PFERR_FETCH_MASK) && !km_is_writable_pte(e->old_spte))
		return KM_VERDICT_CONTRADICTS;
	if (!rules->has_masks)
		return KM_VERDICT_NONE;
	for (size_t i = 0; i < rules->test_count; i++) {
		enum km_trace_verdict v = judge_by(rules, &rules->tests[i], e);

		contradicts = contradicts && v == KM_VERDICT_CONTRADICTS;
		if (v < best)
			best = v;
	}
	return contradicts ? KM_VERDICT_CONTRADICTS : best;
}

/* --- vCPUs and their faults --- */

static struct km_trace_vcpu *find_vcpu(struct km_trace *t, const struct km_trace_event *e)
{
	struct km_trace_vcpu *v = NULL, **grown;

	for (size_t i = t->vcpu_count; i > 0 && !v; i--) {
		if (t->vcpus[i - 1]->tid == e->tid)
			v = t->vcpus[i - 1];
	}
	if (!v) {
		if (t->vcpu_count == KM_TRACE_THREADS)
			return NULL;
		grown = realloc(t->vcpus, (t->vcpu_count + 1) * sizeof(*grown));
		if (!grown)
			return NULL;
		t->vcpus = grown;
		v = calloc(1, sizeof(*v));
		if (!v)
			return NULL;
		t->vcpus[t->vcpu_count++] = v;
		v->tid = e->tid;
		v->vcpu = -1;
		v->current = KM_TRACE_HOT;
	}
	if (e->vcpu >= 0)
		v->vcpu = e->vcpu;
	if (!v->comm[0])
		memcpy(v->comm, e->comm, sizeof(v->comm));
	return v;
}

static bool same_fault(const struct km_trace_fault *f, const struct km_trace_event *e, bool exact)
{
	if (f->address != e->address)
		return false;
	if (!exact)
		return !f->has_error_code && f->pferr == e->error_code;
	return f->has_error_code && f->error_code == e->error_code && f->has_rip == e->has_rip &&
	       f->rip == e->rip;
}

static bool unfixed(const struct km_trace_tally *tally)
{
	return !tally->fixed && !tally->set_spte && !tally->emulated;
}

/* A run, in which nothing was fixed, is over: is it the longest one? */
static void end_run(struct km_trace_fault *f)
{
	if (f->run.faults > f->best.faults)
		f->best = f->run;
	memset(&f->run, 0, sizeof(f->run));
}

/* The last fault was fixed: it ends the run, and is no part of it. */
static void mend(struct km_trace_vcpu *v)
{
	struct km_trace_fault *f;

	if (v->current == KM_TRACE_HOT)
		return;
	f = &v->hot[v->current];
	if (f->run.faults)
		f->run.faults--;
	end_run(f);
}

/* The entry of this fault; the rarest one makes room. */
static size_t find_fault(struct km_trace_vcpu *v, const struct km_trace_event *e, bool exact)
{
	struct km_trace_fault *f;
	size_t rarest = 0;

	if (v->current < KM_TRACE_HOT && same_fault(&v->hot[v->current], e, exact))
		return v->current;
	if (v->current < KM_TRACE_HOT)
		end_run(&v->hot[v->current]);
	for (size_t i = 0; i < v->hot_count; i++) {
		if (same_fault(&v->hot[i], e, exact))
			return i;
		if (v->hot[i].all.faults < v->hot[rarest].all.faults)
			rarest = i;
	}
	if (v->hot_count < KM_TRACE_HOT) {
		rarest = v->hot_count++;
	} else {
		v->forgotten += v->hot[rarest].all.faults;
	}
	f = &v->hot[rarest];
	memset(f, 0, sizeof(*f));
	f->address = e->address;
	if (exact) {
		f->has_error_code = true;
		f->error_code = e->error_code;
		f->has_rip = e->has_rip;
		f->rip = e->rip;
	}
	return rarest;
}

static void count_fault(struct km_trace_tally *tally, uint64_t time)
{
	if (!tally->faults++)
		tally->first = time;
	tally->last = time;
}

/* Rising addresses at one RIP: REP STOS and its like. */
static void follow_progress(struct km_trace_vcpu *v, const struct km_trace_event *e)
{
	struct km_trace_progress *p = &v->progress;

	if (!e->has_rip)
		return;
	if (!p->faults || p->rip != e->rip || e->address <= p->last_address) {
		if (p->faults > v->best_progress.faults)
			v->best_progress = *p;
		*p = (struct km_trace_progress){
			.rip = e->rip, .first_address = e->address, .first = e->time};
	}
	p->faults++;
	p->last_address = e->address;
	p->last = e->time;
}

static void new_fault(struct km_trace_vcpu *v, const struct km_trace_event *e, bool exact)
{
	struct km_trace_fault *f;

	v->current = find_fault(v, e, exact);
	f = &v->hot[v->current];
	count_fault(&f->all, e->time);
	count_fault(&f->run, e->time);
	count_fault(&v->all, e->time);
	follow_progress(v, e);
}

/* Applies to all that are being counted: the fault, its run, the vCPU. */
#define COUNT(v, what)                                                                             \
	do {                                                                                       \
		(v)->all.what++;                                                                   \
		if ((v)->current < KM_TRACE_HOT) {                                                 \
			(v)->hot[(v)->current].all.what++;                                         \
			(v)->hot[(v)->current].run.what++;                                         \
		}                                                                                  \
	} while (0)

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

static void fast_event(struct km_trace *t, const struct km_trace_rules *rules,
		       struct km_trace_vcpu *v, const struct km_trace_event *e)
{
	enum km_trace_verdict verdict = km_trace_judge(rules, e);
	struct km_trace_fault *f;

	t->verdicts[verdict]++;
	if (verdict == KM_VERDICT_DIFFERS || verdict == KM_VERDICT_CONTRADICTS)
		keep_odd_one(t, verdict, e);
	if (!v)
		return;
	/* the fault itself may not have been traced */
	if (!v->waits_for_fast || v->current == KM_TRACE_HOT ||
	    v->hot[v->current].address != e->address)
		new_fault(v, e, false);
	v->waits_for_fast = false;
	f = &v->hot[v->current];
	f->has_spte = true;
	f->pferr = e->error_code;
	f->old_spte = e->old_spte;
	f->new_spte = e->new_spte;
	if (e->spurious) {
		COUNT(v, spurious);
	} else if (e->fixed) {
		COUNT(v, fixed);
		mend(v);
	} else {
		COUNT(v, slow);
	}
	if (verdict == KM_VERDICT_CONTRADICTS)
		COUNT(v, contradicts);
}

static void take_event(struct km_trace *t, const struct km_trace_rules *rules,
		       const struct km_trace_event *e)
{
	struct km_trace_vcpu *v;

	t->events[e->kind]++;
	if (!t->has_time) {
		t->has_time = true;
		t->seconds = e->seconds;
		t->first = t->last = e->time;
	}
	t->seconds = t->seconds && e->seconds;
	if (e->time < t->first)
		t->first = e->time;
	if (e->time > t->last)
		t->last = e->time;
	if (e->kind == KM_TRACE_OTHER)
		return;
	v = find_vcpu(t, e);
	if (!v)
		t->crowded++;
	else
		v->events[e->kind]++;
	if (e->kind == KM_TRACE_FAST_PAGE_FAULT) {
		fast_event(t, rules, v, e);
	} else if (v && e->kind == KM_TRACE_PAGE_FAULT) {
		new_fault(v, e, true);
		v->waits_for_fast = true;
	} else if (v && e->kind == KM_TRACE_SET_SPTE) {
		COUNT(v, set_spte);
		mend(v);
	} else if (v && e->kind == KM_TRACE_EMULATED) {
		COUNT(v, emulated);
		mend(v);
	}
}

/* --- reading --- */

/*
 * A line without its end, or a piece of one that is longer than @line: *@more is whether others
 * follow. False at the end of the file.
 */
static bool read_line(FILE *file, char *line, bool *more)
{
	size_t len;

	if (!fgets(line, LINE, file))
		return false;
	len = strlen(line);
	*more = len == LINE - 1 && line[len - 1] != '\n';
	if (len && line[len - 1] == '\n')
		line[--len] = 0;
	if (len && line[len - 1] == '\r')
		line[--len] = 0;
	return true;
}

static int more_frequent(const void *a, const void *b)
{
	const struct km_trace_fault *fa = a, *fb = b;

	return (fa->all.faults < fb->all.faults) - (fa->all.faults > fb->all.faults);
}

static void finish(struct km_trace *t)
{
	for (size_t i = 0; i < t->vcpu_count; i++) {
		struct km_trace_vcpu *v = t->vcpus[i];

		for (size_t j = 0; j < v->hot_count; j++)
			end_run(&v->hot[j]);
		if (v->progress.faults > v->best_progress.faults)
			v->best_progress = v->progress;
		qsort(v->hot, v->hot_count, sizeof(v->hot[0]), more_frequent);
	}
}

km_error *km_trace_read(FILE *file, const struct km_trace_rules *rules,
			bool (*interrupted)(void *ctx), void *ctx, struct km_trace *t)
{
	char line[LINE];
	bool more = false, inside = false; /* of a line that is too long */
	uint64_t pieces = 0;

	memset(t, 0, sizeof(*t));
	for (; read_line(file, line, &more); inside = more) {
		struct km_trace_event event;
		uint64_t lost;

		if (!(++pieces & 0xfff) && interrupted && interrupted(ctx))
			return km_errorf(KM_EINTR, "interrupted");
		if (inside)
			continue;
		t->lines++;
		switch (more ? KM_LINE_ODD : km_trace_line(line, &event, &lost)) {
		case KM_LINE_EVENT:
			take_event(t, rules, &event);
			break;
		case KM_LINE_COMMENT:
			t->comments++;
			break;
		case KM_LINE_LOST:
			t->lost_places++;
			t->lost_events += lost;
			break;
		case KM_LINE_ODD:
			t->odd++;
			break;
		}
	}
	finish(t);
	return ferror(file) ? km_errorf(KM_EREAD, "%s", strerror(errno)) : NULL;
}

void km_trace_deinit(struct km_trace *t)
{
	for (size_t i = 0; i < t->vcpu_count; i++)
		free(t->vcpus[i]);
	free(t->vcpus);
	memset(t, 0, sizeof(*t));
}

/* --- loops --- */

enum km_trace_loop km_trace_loop(const struct km_trace_fault *f,
				 const struct km_trace_tally **tally)
{
	const struct km_trace_tally *seen = unfixed(&f->all) ? &f->all : &f->best;

	*tally = seen;
	if (seen->faults < KM_LOOP_FAULTS)
		return KM_LOOP_NONE;
	if (seen->contradicts && seen->contradicts == seen->spurious && !seen->slow)
		return KM_LOOP_CONTRADICTS;
	if (seen->spurious && !seen->slow)
		return KM_LOOP_SPURIOUS;
	return KM_LOOP_UNANSWERED;
}

bool km_trace_went_on(const struct km_trace_vcpu *v, const struct km_trace_tally *tally)
{
	uint64_t interval = tally->faults > 1 && tally->last > tally->first
				    ? (tally->last - tally->first) / (tally->faults - 1)
				    : 0;

	return v->all.last > tally->last && (v->all.last - tally->last) / 10 > interval;
}

double km_trace_rate(const struct km_trace *t, const struct km_trace_tally *tally)
{
	if (!t->seconds || tally->last <= tally->first || tally->faults < 2)
		return 0;
	return (double)(tally->faults - 1) * 1e9 / (double)(tally->last - tally->first);
}
