// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnosis.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	enum km_diagnosis_kind kind;
	km_diagnose_fn *diagnose;
	const char *id, *known_cases, *advice;
};

/* In order of precedence. */
static const struct entry catalogue[] = {
#define KM_DIAGNOSIS(kind, name, id, known_cases, advice)                                          \
	{kind, km_diagnose_##name, id, known_cases, advice},
#include "diagnoses.def"
#undef KM_DIAGNOSIS
};

#define COUNT (sizeof(catalogue) / sizeof(catalogue[0]))

static void format(char *to, size_t size, const char *fmt, va_list ap)
{
	vsnprintf(to, size, fmt, ap);
}

void km_verdict_says(struct km_diagnosis *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	format(d->verdict, sizeof(d->verdict), fmt, ap);
	va_end(ap);
}

void km_evidence(struct km_diagnosis *d, const char *fmt, ...)
{
	va_list ap;

	if (d->evidence_count == KM_EVIDENCE)
		return;
	va_start(ap, fmt);
	format(d->evidence[d->evidence_count++], sizeof(d->evidence[0]), fmt, ap);
	va_end(ap);
}

void km_leaves_open(struct km_diagnosis *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	format(d->open, sizeof(d->open), fmt, ap);
	va_end(ap);
}

static const char *access_text(uint64_t error_code)
{
	return error_code & PFERR_FETCH_MASK   ? "fetch"
	       : error_code & PFERR_WRITE_MASK ? "write"
					       : "read";
}

char *km_case_fault_spell(const struct km_case *c, char *buf, size_t size)
{
	const char *access = access_text(c->error_code);
	const char *meaning = km_walk_address_text(km_mmu_address_meaning(c->mmu));
	char spelled[128];

	if (c->has_error_code)
		snprintf(buf, size, "%s at %s 0x%" PRIx64 ", error code 0x%" PRIx64 " = %s", access,
			 meaning, c->addr, c->error_code,
			 km_pferr_spell(c->error_code, spelled, sizeof(spelled)));
	else
		snprintf(buf, size, "access at %s 0x%" PRIx64, meaning, c->addr);
	return buf;
}

void km_evidence_counters(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_vcpu_stats *s = &c->vcpu->stats;

	if (km_is_known(s->pf_taken) && km_is_known(s->pf_fixed) && km_is_known(s->pf_spurious))
		km_evidence(d,
			    "counters: pf_taken %" PRIu64 ", pf_fixed %" PRIu64
			    ", pf_spurious %" PRIu64,
			    s->pf_taken.v, s->pf_fixed.v, s->pf_spurious.v);
}

void km_evidence_judges(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_verdict *v = c->panel.verdicts;
	enum km_judge asked = km_case_asked_judge(c);

	km_evidence(d, "processor: %s (%s)", km_ruling_text(v[KM_JUDGE_PROCESSOR].ruling),
		    v[KM_JUDGE_PROCESSOR].why);
	km_evidence(d, "%s: %s (%s)", km_judge_name(asked), km_ruling_text(v[asked].ruling),
		    v[asked].why);
}

const char *km_vcpu_state_name(enum km_vcpu_state state)
{
	static const char *const names[] = {
		[KM_STATE_HEALTHY] = "healthy",		[KM_STATE_WAITING] = "waiting",
		[KM_STATE_PROGRESSING] = "progressing", [KM_STATE_STUCK] = "stuck",
		[KM_STATE_NEVER_RAN] = "never ran",	[KM_STATE_UNKNOWN] = "unknown",
	};

	return names[state];
}

/* Why it is stuck, as far as that is at least likely. */
static bool explains(const struct km_diagnosis *d)
{
	return d->stuck && d->certainty >= KM_LIKELY;
}

/* Less is first: what explains, then what accuses, then remarks; within each as in the list. */
static int rank(const struct km_diagnosis *d)
{
	return !explains(d) + (d->certainty < KM_POSSIBLE);
}

/* Stable, and there are few. */
static void sort(struct km_explanation *e)
{
	for (size_t i = 1; i < e->count; i++) {
		for (size_t j = i; j && rank(&e->found[j]) < rank(&e->found[j - 1]); j--) {
			struct km_diagnosis swap = e->found[j];

			e->found[j] = e->found[j - 1];
			e->found[j - 1] = swap;
		}
	}
}

static const struct entry *entry_of(const struct km_diagnosis *d)
{
	size_t i = 0;

	while (strcmp(catalogue[i].id, d->id))
		i++;
	return &catalogue[i];
}

/* A symptom of what is explained already says nothing new. */
static void drop_symptoms(struct km_explanation *e)
{
	size_t kept = 0;
	bool explained = false;

	for (size_t i = 0; i < e->count; i++)
		explained |= explains(&e->found[i]) && entry_of(&e->found[i])->kind == KM_CAUSE;
	for (size_t i = 0; i < e->count; i++) {
		if (!explained || entry_of(&e->found[i])->kind != KM_SYMPTOM)
			e->found[kept++] = e->found[i];
	}
	e->count = kept;
}

static void run_catalogue(const struct km_case *c, struct km_explanation *e)
{
	for (size_t i = 0; i < COUNT; i++) {
		struct km_diagnosis *d = &e->found[e->count];

		memset(d, 0, sizeof(*d));
		d->id = catalogue[i].id;
		d->known_cases = catalogue[i].known_cases;
		d->advice = catalogue[i].advice;
		e->count += catalogue[i].diagnose(c, d);
	}
}

static void decide(struct km_explanation *e, enum km_vcpu_state state, enum km_certainty certainty,
		   const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void decide(struct km_explanation *e, enum km_vcpu_state state, enum km_certainty certainty,
		   const char *fmt, ...)
{
	va_list ap;

	e->state = state;
	e->certainty = certainty;
	va_start(ap, fmt);
	vsnprintf(e->verdict, sizeof(e->verdict), fmt, ap);
	va_end(ap);
}

static const struct km_diagnosis *why_stuck(const struct km_explanation *e)
{
	for (size_t i = 0; i < e->count; i++) {
		if (e->found[i].stuck && e->found[i].certainty >= KM_POSSIBLE)
			return &e->found[i];
	}
	return NULL;
}

static bool has_wrong_table(const struct km_case *c)
{
	for (size_t i = 0; i < c->all.table_count; i++) {
		if (c->all.tables[i].status == KM_TABLE_DIFFERS)
			return true;
	}
	return false;
}

/* ", 5 permission tables match their roles": what was compared; "" if nothing could be. */
static const char *tables_text(const struct km_case *c, char *buf, size_t size)
{
	unsigned match = 0, differ = 0, unreadable = 0;

	for (size_t i = 0; i < c->all.table_count; i++) {
		match += c->all.tables[i].status == KM_TABLE_MATCHES;
		differ += c->all.tables[i].status == KM_TABLE_DIFFERS;
		unreadable += c->all.tables[i].status == KM_TABLE_UNREADABLE;
	}
	buf[0] = 0;
	if (differ)
		snprintf(buf, size, "; %u of its permission tables %s", differ,
			 differ == 1 ? "differs from its role" : "differ from their roles");
	else if (match)
		snprintf(buf, size, "; %u permission table%s%s", match,
			 match == 1 ? " matches its role" : "s match their roles",
			 unreadable ? ", others unreadable" : "");
	return buf;
}

static const char *counters_text(const struct km_vcpu *v, char *buf, size_t size)
{
	const struct km_vcpu_stats *s = &v->stats;

	buf[0] = 0;
	if (km_is_known(s->pf_taken) && km_is_known(s->pf_fixed) && km_is_known(s->pf_spurious))
		snprintf(buf, size,
			 "; of %" PRIu64 " faults %" PRIu64 " were fixed, %" PRIu64 " spurious",
			 s->pf_taken.v, s->pf_fixed.v, s->pf_spurious.v);
	return buf;
}

/* Where a vCPU is that neither faults nor sleeps. */
static const char *place_text(const struct km_case *c)
{
	const struct km_stack *stack = c->last.has_stack ? &c->last.stack : NULL;

	if (!km_is_known(c->vcpu->mode))
		return "nothing contradicts";
	if (km_vcpu_in_guest(c->vcpu))
		return "in the guest";
	if (stack && stack->count && stack->frames[0].sure && !km_stack_in(stack, "kvm_vcpu_ioctl"))
		return "its thread can run, and is not in KVM_RUN";
	return "between two runs of the guest";
}

/* What speaks against, or is missing of what a healthy vCPU is judged by; NULL if nothing is. */
static const char *missing(const struct km_case *c)
{
	if (!c->mmu || !c->mmu->readable)
		return "its MMU is not readable";
	if (!c->kernel->features.spte_known)
		return "the SPTEs of this kernel can't be read";
	if (!km_is_known(c->vcpu->mode))
		return "its mode is not readable";
	if (c->has_walk && c->walk.end == KM_END_UNREADABLE)
		return "a page-table page of its last fault is not in the dump";
	if (!c->slots_known)
		return "its memslots are not all readable";
	if (!km_is_known(c->vcpu->task))
		return "which thread runs it is not readable";
	if (!c->vcpu->task.v)
		return "the thread that ran it is gone";
	if (!c->last.has_stack || !c->last.stack.count)
		return "the stack of its thread is not readable";
	if (c->has_path && c->fault->age == KM_AGE_LAST_EXIT && c->path.loops)
		return "its last exit was a fault that it would meet again";
	return NULL;
}

/* A table that KVM asks about SPTEs is wrong, and most faults were taken for spurious. */
static bool loses_faults(const struct km_case *c)
{
	const struct km_perm_table *t = c->mmu ? km_spte_table(&c->all, c->mmu) : NULL;
	const struct km_vcpu_stats *s = &c->vcpu->stats;

	return t && t->status == KM_TABLE_DIFFERS && c->mmu->root_role.direct &&
	       km_is_known(s->pf_taken) && km_is_known(s->pf_spurious) &&
	       s->pf_spurious.v > s->pf_taken.v / 2;
}

/* The user's own fault tells nothing about the vCPU; what it does with its own was not judged. */
static bool decide_by_users_fault(const struct km_case *c, struct km_explanation *e)
{
	if (!c->fault || c->fault->source != KM_FAULT_USER)
		return false;
	if (c->has_path && c->path.loops_known && c->path.loops) {
		decide(e, KM_STATE_UNKNOWN, KM_NOTE,
		       "if it meets the fault that was asked about, it does not get past it; "
		       "whether it does, the dump does not say");
		return true;
	}
	for (size_t i = 1; i < c->last.count; i++) {
		const struct km_fault *own = &c->last.faults[i];

		if (own->age != KM_AGE_IN_HANDLER && own->age != KM_AGE_LAST_EXIT)
			continue;
		decide(e, KM_STATE_UNKNOWN, KM_NOTE,
		       "asked about another fault than its own (%s): without -a and -e that one "
		       "is judged",
		       km_fault_age_text(own->age));
		return true;
	}
	return false;
}

/* If the steps that are open pass, does the path end in a new SPTE? */
static bool would_be_fixed(const struct km_page_fault_path *path)
{
	const struct km_step *last = path->count ? &path->steps[path->count - 1] : NULL;

	return last && last->outcome == KM_STEP_ENDS && last->ret == KM_RET_PF_FIXED;
}

/* The fault that is at hand, and what becomes of it. */
static bool decide_by_fault(const struct km_case *c, struct km_explanation *e)
{
	const char *access = access_text(c->error_code), *meaning;

	if (!km_case_is_current(c) || !c->has_path)
		return false;
	meaning = km_walk_address_text(km_mmu_address_meaning(c->mmu));
	if (km_case_in_handler(c)) {
		bool open = c->path.ret == KM_RET_PF_UNKNOWN;
		bool nowhere = open && !c->path.loops_known && !would_be_fixed(&c->path);
		bool retries = c->path.loops_known && c->path.loops;

		decide(e,
		       retries	 ? KM_STATE_WAITING
		       : nowhere ? KM_STATE_UNKNOWN
				 : KM_STATE_PROGRESSING,
		       nowhere				 ? KM_NOTE
		       : !c->path.loops_known || retries ? KM_POSSIBLE
							 : KM_LIKELY,
		       "KVM is handling its %s at %s 0x%" PRIx64 ": %s%s%s", access, meaning,
		       c->addr, open ? "" : km_ret_pf_name(c->path.ret), open ? "" : ", ",
		       c->path.loops_text);
		return true;
	}
	if (km_case_ruling(c, KM_JUDGE_PROCESSOR) != KM_ALLOWS)
		return false;
	decide(e, KM_STATE_PROGRESSING, KM_LIKELY,
	       "its last exit was a fault at %s 0x%" PRIx64
	       " that the SPTE permits by now: it was fixed, or nothing was in its way",
	       meaning, c->addr);
	return true;
}

static void decide_state(const struct km_case *c, struct km_explanation *e)
{
	const struct km_vcpu *v = c->vcpu;
	const struct km_diagnosis *stuck = why_stuck(e);
	const char *gap = missing(c);
	char tables[80], counters[120], fault[224], past[256];

	if (!v->readable) {
		decide(e, KM_STATE_UNKNOWN, KM_NOTE,
		       "the part of struct kvm_vcpu that says how it translates is not in the "
		       "dump");
		return;
	}
	if (km_vcpu_never_ran(v) && !(stuck && explains(stuck))) {
		decide(e, KM_STATE_NEVER_RAN, KM_PROVEN,
		       "no thread ever ran it: it has been created, and that is all");
		return;
	}
	/* a VMM that runs it in vain may be asleep between two tries */
	if (stuck && (c->wait.kind == KM_WAIT_NONE ||
		      (explains(stuck) && c->wait.kind == KM_WAIT_USERSPACE))) {
		snprintf(past, sizeof(past), "it does not get past its %s",
			 c->has_addr ? km_case_fault_spell(c, fault, sizeof(fault)) : "");
		/* one moment may prove what is wrong, but not that it stays so */
		decide(e, KM_STATE_STUCK, explains(stuck) ? KM_LIKELY : KM_POSSIBLE, "%s: %s",
		       c->has_addr ? past : "it does not go on", stuck->id);
		return;
	}
	if (c->wait.kind != KM_WAIT_NONE) {
		decide(e, KM_STATE_WAITING, c->wait.certainty, "%s", c->wait.text);
		return;
	}
	if (decide_by_users_fault(c, e))
		return;
	if (decide_by_fault(c, e)) {
		if (gap && e->certainty > KM_POSSIBLE)
			e->certainty = KM_POSSIBLE;
		return;
	}
	if (!c->mmu || !c->mmu->readable) {
		decide(e, KM_STATE_UNKNOWN, KM_NOTE, "%s", gap);
		return;
	}
	counters_text(v, counters, sizeof(counters));
	if (loses_faults(c)) {
		decide(e, KM_STATE_STUCK, KM_POSSIBLE,
		       "no fault is at hand, but the table that KVM asks about SPTEs is wrong%s",
		       counters);
		return;
	}
	decide(e, KM_STATE_HEALTHY, gap || has_wrong_table(c) ? KM_POSSIBLE : KM_LIKELY,
	       "%s%s%s%s%s", place_text(c), tables_text(c, tables, sizeof(tables)), counters,
	       gap ? "; " : "", gap ? gap : "");
}

void km_explain_found(const struct km_case *c, struct km_explanation *e)
{
	drop_symptoms(e);
	sort(e);
	decide_state(c, e);
}

void km_explain_case(const struct km_case *c, struct km_explanation *e)
{
	memset(e, 0, sizeof(*e));
	run_catalogue(c, e);
	km_explain_found(c, e);
}
