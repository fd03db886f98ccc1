// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/recorded_faults.h"

#include "history/history_trace.h"
#include "trace/loops.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct km_recorded_faults {
	struct km_trace trace;
	bool complete; /* no sub-buffer is missing */
};

/* ---- reading ---- */

static bool go_on(void *ctx, uint64_t bytes)
{
	const struct km_kernel *k = ctx;
	km_scoped_error *err = km_check_interrupt(k->mem);

	(void)bytes;
	return !err;
}

static km_error *read_best(const struct km_kernel *k, const struct km_history *h,
			   struct km_recorded_faults **faults)
{
	const struct km_instance *best = km_history_best(h);
	struct km_trace_rules rules;

	if (!best || !best->faults || !km_history_rules(k, &rules))
		return NULL;
	*faults = calloc(1, sizeof(**faults));
	if (!*faults)
		return km_errorf(KM_ENOMEM, "out of memory");
	(*faults)->complete = !best->lost;
	return km_history_trace(h, best, &rules, go_on, (void *)k, &(*faults)->trace);
}

km_error *km_recorded_faults_read(const struct km_kernel *k, struct km_recorded_faults **faults)
{
	/* pages of the buffers that are missing are not among those that the answer needs */
	bool before = km_memory_try(k->mem, true);
	struct km_history h = {0};
	km_error *err = NULL;

	*faults = NULL;
	if (!km_memory_target(k->mem)->moving) {
		err = km_history_read(k, &h);
		/* a capsule gives the same answer */
		h.no_registers = true;
		if (!err)
			err = read_best(k, &h, faults);
		km_history_deinit(&h);
	}
	km_memory_try(k->mem, before);
	return err;
}

void km_recorded_faults_free(struct km_recorded_faults *faults)
{
	if (faults)
		km_trace_deinit(&faults->trace);
	free(faults);
}

/* ---- the loop of one vCPU ---- */

static const struct km_trace_vcpu *find_vcpu(const struct km_trace *t, const struct km_vcpu *vcpu)
{
	for (size_t i = 0; i < t->vcpu_count; i++) {
		const struct km_trace_vcpu *v = t->vcpus[i];

		if (v->has_tid && km_is_known(vcpu->tid) && v->tid == vcpu->tid.v)
			return v;
	}
	return NULL;
}

/* Is it a loop that KVM cannot leave? GUEST, MAPPED, MMIO and MAP_ZAP may not be loops in KVM. */
static bool is_hopeless(enum km_trace_loop kind)
{
	switch (kind) {
	case KM_LOOP_CONTRADICTS:
	case KM_LOOP_RMP:
	case KM_LOOP_MEMORY_FAULT:
	case KM_LOOP_USER_ERROR:
	case KM_LOOP_EMULATE_FAILED:
	case KM_LOOP_INTERNAL_ERROR:
	case KM_LOOP_SPURIOUS:
	case KM_LOOP_REQUESTED:
	case KM_LOOP_UNANSWERED:
		return true;
	default:
		return false;
	}
}

static void recall(const struct km_recorded_faults *faults, const struct km_trace_fault *f,
		   const struct km_loop *loop, struct km_recorded *r)
{
	const struct km_trace_tally *in = loop->seen;

	*r = (struct km_recorded){
		.faults = in->faults,
		.has_time = in->has_time && faults->trace.seconds,
		.seconds = (double)(in->last - in->first) / 1e9,
		.has_address = f->has_address,
		.has_error_code = f->has_error_code,
		.address = f->address,
		.error_code = f->error_code,
		.qualification = f->qualification,
		.contradicts = loop->kind == KM_LOOP_CONTRADICTS,
		.complete = faults->complete,
		.certainty = km_loop_certainty(&faults->trace, loop),
		.unresolved = km_loop_would_show(&faults->trace, loop),
	};
}

/*
 * Did it take others long after the last of these? A thread that is preempted takes none, so the
 * end of the whole trace is not evidence, unlike in km_trace_went_on().
 */
static bool took_others_since(const struct km_trace_vcpu *v, const struct km_trace_tally *in)
{
	uint64_t interval = in->faults > 1 && in->last > in->first
				    ? (in->last - in->first) / (in->faults - 1)
				    : 0;

	return in->has_time && v->all.last > in->last && (v->all.last - in->last) / 10 > interval;
}

/* The fault that the vCPU takes again and again until its trace ends. */
static bool find_loop(const struct km_recorded_faults *faults, const struct km_trace_vcpu *v,
		      struct km_recorded *r)
{
	for (size_t i = 0; i < v->hot_count; i++) {
		const struct km_trace_fault *f = &v->hot[i];
		struct km_loop loop = {.vcpus = {v}, .vcpu_count = 1, .fault = f};

		loop.kind = km_trace_loop(v, f, &loop.seen);
		if (!is_hopeless(loop.kind) || took_others_since(v, loop.seen))
			continue;
		loop.sum = *loop.seen;
		recall(faults, f, &loop, r);
		return true;
	}
	return false;
}

/* ---- what follows ---- */

static void add_fault(struct km_case *c, const struct km_recorded *r)
{
	struct km_fault *f = &c->last.faults[c->last.count];
	char time[48] = "";

	if (c->last.count == KM_FAULTS)
		return;
	c->last.count++;
	*f = (struct km_fault){
		.source = KM_FAULT_FTRACE,
		.age = KM_AGE_RECORDED,
		.addr = r->has_address ? km_known_val(r->address)
				       : (struct km_val){.known = KM_UNREADABLE},
		.error_code = r->has_error_code && !r->qualification
				      ? km_known_val(r->error_code)
				      : (struct km_val){.known = KM_UNREADABLE},
		.certainty = KM_PROVEN,
		.mmu = km_recorded_is_fault_of(r, c) ? c->mmu : NULL,
	};
	if (r->has_time)
		snprintf(time, sizeof(time), " in %.3f s", r->seconds);
	snprintf(f->from, sizeof(f->from),
		 "ftrace's ring buffers: %" PRIu64 " times%s, until the trace of this thread ends",
		 r->faults, time);
	snprintf(f->limits, sizeof(f->limits),
		 "recorded before the dump was taken; what came after is not known");
}

bool km_recorded_faults_settle(const struct km_recorded_faults *faults, struct km_case *c,
			       struct km_explanation *e, struct km_recorded *r,
			       struct km_samples_verdict *v)
{
	const struct km_trace_vcpu *vcpu = faults ? find_vcpu(&faults->trace, c->vcpu) : NULL;

	if (!vcpu || !find_loop(faults, vcpu, r))
		return false;
	km_recorded_judge(r, c, e, v);
	km_recorded_settle(r, c, v, e);
	add_fault(c, r);
	return true;
}

void km_describe_recorded(struct km_node *entry, const struct km_recorded *r,
			  const struct km_samples_verdict *v)
{
	struct km_node *section = km_doc_section(entry, "recorded", NULL);

	km_doc_field(section, "trend", NULL, km_v_text(km_trend_name(v->trend)));
	km_doc_field(section, "certainty", NULL, km_v_text(km_certainty_text(v->certainty)));
	km_doc_field(section, "text", v->trend == KM_TREND_LOOPS ? NULL : "recorded",
		     km_v_text(km_doc_text(section, "%s", v->text)));
	km_doc_field(section, "faults", NULL, km_v_dec(r->faults));
	km_doc_field(section, "contradicts", NULL, km_v_bool(r->contradicts));
	km_doc_field(section, "complete", NULL, km_v_bool(r->complete));
}
