// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/loops.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_SHIFT   12
#define SIZE_CHANGES 6	  /* dirty logging changes sizes a few times, too */
#define BUSY	     1000 /* faults per second from which on a repeated fault is suspicious */

const char *km_loop_id(enum km_trace_loop loop)
{
	static const char *const ids[KM_LOOPS] = {
		[KM_LOOP_CONTRADICTS] = "spurious-loop",
		[KM_LOOP_RMP] = "rmp-denied",
		[KM_LOOP_MEMORY_FAULT] = "private-mismatch",
		[KM_LOOP_USER_ERROR] = "efault-loop",
		[KM_LOOP_EMULATE_FAILED] = "emulation-failed",
		[KM_LOOP_INTERNAL_ERROR] = "internal-error",
		[KM_LOOP_MAP_ZAP] = "map-zap-livelock",
		[KM_LOOP_GUEST] = "guest-loop",
		[KM_LOOP_SPURIOUS] = "spurious-repeated",
		[KM_LOOP_REQUESTED] = "requested-never-set",
		[KM_LOOP_MAPPED] = "mapped-not-seen",
		[KM_LOOP_UNANSWERED] = "unanswered-repeated",
		[KM_LOOP_MMIO] = "mmio-repeated",
	};

	return ids[loop];
}

/* --- one fault --- */

static uint64_t fixes(const struct km_trace_tally *tally)
{
	const uint32_t *n = tally->n;

	return (uint64_t)n[KM_OUTCOME_FIXED] + n[KM_OUTCOME_SET_SPTE] + n[KM_OUTCOME_EMULATED] +
	       n[KM_OUTCOME_MMIO] + n[KM_OUTCOME_USER_MMIO];
}

/* Did this come of at least four of five faults? */
static bool mostly(const struct km_trace_tally *tally, enum km_outcome outcome)
{
	return tally->n[outcome] && tally->n[outcome] * 5ULL >= tally->faults * 4;
}

/* How often a fault must come to be a loop: 100 times, or half of all faults, but at least 3. */
static uint64_t enough(const struct km_trace_vcpu *v)
{
	uint64_t half = v->all.faults / 2;

	if (half > KM_LOOP_FAULTS)
		return KM_LOOP_FAULTS;
	return half < KM_LOOP_FEW ? KM_LOOP_FEW : half;
}

static uint64_t error_code_of(const struct km_trace_fault *f)
{
	if (f->has_error_code && !f->qualification)
		return f->error_code;
	return f->has_pferr ? f->pferr : 0;
}

/* Does the error code have P set? */
static bool was_present(const struct km_trace_fault *f)
{
	if (f->has_error_code && f->qualification)
		return f->error_code & (KM_BIT(3) | KM_BIT(4) | KM_BIT(5));
	return error_code_of(f) & PFERR_PRESENT_MASK;
}

/* The same for what precedes a fault: nothing precedes the first one. */
static bool mostly_before(const struct km_trace_tally *tally, enum km_outcome outcome)
{
	return tally->n[outcome] && tally->n[outcome] * 5ULL >= (tally->faults - 1) * 4;
}

/* Loops in which each fault is handled, to no effect. */
static enum km_trace_loop answered_loop(const struct km_trace_fault *f,
					const struct km_trace_tally *all)
{
	uint64_t mmio = all->n[KM_OUTCOME_MMIO], emulated = all->n[KM_OUTCOME_EMULATED];
	uint64_t user = all->n[KM_OUTCOME_USER_MMIO], most = mmio;

	if (mostly_before(all, KM_OUTCOME_ZAPPED))
		return KM_LOOP_MAP_ZAP;
	if (mostly_before(all, KM_OUTCOME_MAPPED) && !was_present(f) &&
	    mostly(all, KM_OUTCOME_SET_SPTE))
		return KM_LOOP_MAPPED;
	if (emulated > most)
		most = emulated;
	if (user > most)
		most = user;
	return most * 5 >= all->faults * 4 ? KM_LOOP_MMIO : KM_LOOP_NONE;
}

/* Loops in which nothing is fixed. */
static enum km_trace_loop unfixed_loop(const struct km_trace_fault *f,
				       const struct km_trace_tally *in)
{
	const uint32_t *n = in->n;

	if (n[KM_OUTCOME_CONTRADICTS] && n[KM_OUTCOME_CONTRADICTS] == n[KM_OUTCOME_SPURIOUS] &&
	    !n[KM_OUTCOME_SLOW])
		return KM_LOOP_CONTRADICTS;
	if (error_code_of(f) & PFERR_GUEST_RMP_MASK && (f->amd || n[KM_OUTCOME_RMP]))
		return KM_LOOP_RMP;
	if (mostly(in, KM_OUTCOME_MEMORY_FAULT))
		return KM_LOOP_MEMORY_FAULT;
	if (mostly(in, KM_OUTCOME_USER_ERROR))
		return KM_LOOP_USER_ERROR;
	if (mostly(in, KM_OUTCOME_INTERNAL_ERROR))
		return KM_LOOP_INTERNAL_ERROR;
	if (mostly(in, KM_OUTCOME_EMULATE_FAILED))
		return KM_LOOP_EMULATE_FAILED;
	if (mostly(in, KM_OUTCOME_INJECTED) || mostly(in, KM_OUTCOME_WALKER_ERROR))
		return KM_LOOP_GUEST;
	if (n[KM_OUTCOME_SPURIOUS] && !n[KM_OUTCOME_SLOW])
		return KM_LOOP_SPURIOUS;
	return mostly(in, KM_OUTCOME_REQUESTED) ? KM_LOOP_REQUESTED : KM_LOOP_UNANSWERED;
}

enum km_trace_loop km_trace_loop(const struct km_trace_vcpu *v, const struct km_trace_fault *f,
				 const struct km_trace_tally **tally)
{
	const struct km_trace_tally *in = fixes(&f->all) ? &f->best : &f->all;
	enum km_trace_loop answered;

	*tally = &f->all;
	if (f->all.faults >= enough(v)) {
		answered = answered_loop(f, &f->all);
		if (answered != KM_LOOP_NONE)
			return answered;
	}
	*tally = in;
	return in->faults < enough(v) ? KM_LOOP_NONE : unfixed_loop(f, in);
}

bool km_trace_went_on(const struct km_trace *t, const struct km_trace_vcpu *v,
		      const struct km_trace_tally *tally)
{
	uint64_t interval = tally->faults > 1 && tally->last > tally->first
				    ? (tally->last - tally->first) / (tally->faults - 1)
				    : 0;

	if (!tally->has_time)
		return false;
	if (v->all.last > tally->last && (v->all.last - tally->last) / 10 > interval)
		return true;
	/* it stopped long before the trace ends */
	return t->last > tally->last && (t->last - tally->last) / 50 > interval;
}

/* Do the faults come so fast that the vCPU does nothing else? True if times are not known. */
static bool is_busy(const struct km_trace *t, const struct km_trace_tally *in)
{
	if (in->n[KM_OUTCOME_OTHER_EXIT] > in->faults)
		return false;
	return !t->seconds || !in->has_time || km_trace_rate(t, in) >= BUSY;
}

/* --- all of them --- */

static bool same_place(const struct km_trace_fault *a, const struct km_trace_fault *b)
{
	if (a->has_address != b->has_address)
		return false;
	if (!a->has_address)
		return a->has_rip == b->has_rip && a->rip == b->rip;
	return a->address >> PAGE_SHIFT == b->address >> PAGE_SHIFT;
}

/* Do they have the same cause: the same page, or the same zapper? */
static bool same_cause(const struct km_loop *loop, enum km_trace_loop kind,
		       const struct km_trace_fault *f)
{
	if (loop->kind != kind)
		return false;
	if (kind == KM_LOOP_MAP_ZAP)
		return km_same_zapper(&loop->fault->zapper, &f->zapper);
	return same_place(loop->fault, f);
}

static void add_sum(struct km_trace_tally *sum, const struct km_trace_tally *in)
{
	if (!sum->faults || in->first < sum->first)
		sum->first = in->first;
	if (!sum->faults || in->last > sum->last)
		sum->last = in->last;
	sum->has_time = in->has_time;
	sum->faults += in->faults;
	for (size_t i = 0; i < KM_OUTCOMES; i++)
		sum->n[i] = in->n[i] > UINT32_MAX - sum->n[i] ? UINT32_MAX : sum->n[i] + in->n[i];
}

static bool has_vcpu(const struct km_loop *loop, const struct km_trace_vcpu *v)
{
	size_t shown = loop->vcpu_count < KM_LOOP_VCPUS ? loop->vcpu_count : KM_LOOP_VCPUS;

	for (size_t i = 0; i < shown; i++) {
		if (loop->vcpus[i] == v)
			return true;
	}
	return false;
}

static void join(struct km_loop *loop, const struct km_trace_vcpu *v,
		 const struct km_trace_fault *f, const struct km_trace_tally *in)
{
	const struct km_trace_fault *of = loop->fault;

	loop->one_rip = loop->one_rip && of->has_rip == f->has_rip && of->rip == f->rip;
	loop->one_error_code = loop->one_error_code && of->error_code == f->error_code;
	loop->one_address = loop->one_address && of->address == f->address;
	if (!has_vcpu(loop, v)) {
		if (loop->vcpu_count < KM_LOOP_VCPUS)
			loop->vcpus[loop->vcpu_count] = v;
		loop->vcpu_count++;
	}
	add_sum(&loop->sum, in);
}

static void take(const struct km_trace *t, struct km_loop *loops, size_t *count,
		 const struct km_trace_vcpu *v, const struct km_trace_fault *f)
{
	const struct km_trace_tally *in;
	enum km_trace_loop kind = km_trace_loop(v, f, &in);
	bool went_on = kind != KM_LOOP_CONTRADICTS && km_trace_went_on(t, v, in);
	struct km_loop *loop = loops;

	if (kind == KM_LOOP_NONE || (kind == KM_LOOP_MMIO && !is_busy(t, in)))
		return;
	while (loop < loops + *count && !(same_cause(loop, kind, f) && loop->went_on == went_on))
		loop++;
	if (loop == loops + *count) {
		*loop = (struct km_loop){.kind = kind,
					 .fault = f,
					 .seen = in,
					 .one_rip = true,
					 .one_error_code = true,
					 .one_address = true,
					 .went_on = went_on};
		++*count;
	}
	join(loop, v, f, in);
}

static int more_faults(const void *a, const void *b)
{
	const struct km_loop *la = a, *lb = b;

	return (la->sum.faults < lb->sum.faults) - (la->sum.faults > lb->sum.faults);
}

km_error *km_trace_loops(const struct km_trace *t, struct km_loop **loops, size_t *count)
{
	size_t faults = 0;

	*count = 0;
	for (size_t i = 0; i < t->vcpu_count; i++)
		faults += t->vcpus[i]->hot_count;
	*loops = calloc(faults + 1, sizeof(**loops));
	if (!*loops)
		return km_errorf(KM_ENOMEM, "out of memory");
	for (size_t i = 0; i < t->vcpu_count; i++) {
		for (size_t j = 0; j < t->vcpus[i]->hot_count; j++)
			take(t, *loops, count, t->vcpus[i], &t->vcpus[i]->hot[j]);
	}
	qsort(*loops, *count, sizeof(**loops), more_faults);
	return NULL;
}

const struct km_size_changes *km_trace_size_livelock(const struct km_trace *t)
{
	const struct km_size_changes *most = &t->mappings->most_changed;
	struct km_trace_tally changes = {.faults = most->changes + 1,
					 .first = most->first,
					 .last = most->last,
					 .has_time = t->has_time};

	return most->changes >= SIZE_CHANGES && is_busy(t, &changes) ? most : NULL;
}

/* --- how sure --- */

bool km_loop_would_show(const struct km_trace *t, const struct km_loop *loop)
{
	if (t->lost_places)
		return false;
	return t->events[KM_TRACE_SET_SPTE] &&
	       (t->events[KM_TRACE_EMULATE_INSN] || t->events[KM_TRACE_MMIO] ||
		t->events[KM_TRACE_EMULATED] || loop->fault->has_pferr);
}

enum km_certainty km_loop_certainty(const struct km_trace *t, const struct km_loop *loop)
{
	bool many = loop->sum.faults >= KM_LOOP_FAULTS, busy = is_busy(t, loop->seen);

	switch (loop->kind) {
	case KM_LOOP_CONTRADICTS:
		return many ? KM_PROVEN : KM_LIKELY;
	case KM_LOOP_MMIO:
		return KM_NOTE;
	case KM_LOOP_GUEST:
		return busy ? KM_POSSIBLE : KM_NOTE;
	case KM_LOOP_UNANSWERED:
		/* RSVD without more is MMIO on AMD, as EPT_MISCONFIG is on Intel */
		if (t->lost_places || loop->fault->misconfig ||
		    error_code_of(loop->fault) & PFERR_RSVD_MASK)
			return KM_NOTE;
		return busy ? KM_POSSIBLE : KM_NOTE;
	case KM_LOOP_SPURIOUS:
		/* old and new SPTE are always equal, so nothing fixes it in between */
		if (many && busy && loop->sum.n[KM_OUTCOME_UNCHANGED] == loop->sum.faults)
			return KM_LIKELY;
		return busy ? KM_POSSIBLE : KM_NOTE;
	default:
		return many && busy ? KM_LIKELY : busy || many ? KM_POSSIBLE : KM_NOTE;
	}
}
