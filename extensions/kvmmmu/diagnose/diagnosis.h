/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The catalogue: conditions under which a vCPU hangs or loops, each a predicate over the case of
 * one vCPU. One file a condition (diagnose_*.c) and one line in diagnoses.def, in the order of
 * precedence: root causes before symptoms.
 */
#ifndef KVMMMU_DIAGNOSIS_H
#define KVMMMU_DIAGNOSIS_H

#include "case.h"

#include <inttypes.h>
#include <string.h>

#define KM_EVIDENCE 8

/* What one predicate says. */
struct km_diagnosis {
	const char *id;
	enum km_certainty certainty;
	bool stuck;			 /* this is why the vCPU does not go on */
	char verdict[240];		 /* one sentence */
	char evidence[KM_EVIDENCE][200]; /* each a fact with the bytes it follows from */
	size_t evidence_count;
	char open[240];		 /* what is missing or would settle it; "" if nothing */
	const char *known_cases; /* commits, subjects; NULL if none */
	const char *advice;	 /* what to do next; NULL if nothing */
};

/*
 * Fills @d (zeroed, with id, known_cases and advice) and returns true if the condition is there.
 * Without km_case_in_handler(), or a contradiction in the dump that does not depend on the fault,
 * nothing above KM_POSSIBLE (the top of ../shared/diagnoses.md): the predicate sees to that itself.
 * It may read more through c->kernel, with a label (km_kget() and the like), so that a capsule has
 * it: capture runs the catalogue, too.
 */
typedef bool km_diagnose_fn(const struct km_case *c, struct km_diagnosis *d);

/* km_diagnose_NAME() of every line in diagnoses.def. */
#define KM_DIAGNOSIS(kind, name, ...) km_diagnose_fn km_diagnose_##name;
#include "diagnoses.def"
#undef KM_DIAGNOSIS

/* What a line of diagnoses.def is. */
enum km_diagnosis_kind {
	KM_CAUSE,   /* may be why */
	KM_SYMPTOM, /* left out where a cause that is at least likely explains why it is stuck */
};

/* The sentence; adding one fact (what is too many is dropped); what is open. */
void km_verdict_says(struct km_diagnosis *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void km_evidence(struct km_diagnosis *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void km_leaves_open(struct km_diagnosis *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* "write at GPA 0x4000000, error code 0x7 = P|W|U"; into @buf. Returns @buf. */
char *km_case_fault_spell(const struct km_case *c, char *buf, size_t size);

/* As a fact: the counters that tell loops from progress, where they are known. */
void km_evidence_counters(const struct km_case *c, struct km_diagnosis *d);

/* As facts: what the processor says of the fault, and the test that KVM asks. Needs the panel. */
void km_evidence_judges(const struct km_case *c, struct km_diagnosis *d);

/* The judge that this kernel asks about SPTEs of this MMU, if it asks any. */
static inline enum km_judge km_case_asked_judge(const struct km_case *c)
{
	return c->kernel->features.spte_table ? KM_JUDGE_TABLE : KM_JUDGE_LEGACY;
}

/* Does the replayed path end for sure in @function of the kernel, with @ret? */
static inline bool km_path_ends_at(const struct km_case *c, const char *function,
				   enum km_ret_pf ret)
{
	return c->has_path && c->path.end && c->path.ret == ret &&
	       !strcmp(c->path.end->function, function);
}

/* What @judge says of the fault; KM_NO_RULING without a panel. */
static inline enum km_ruling km_case_ruling(const struct km_case *c, enum km_judge judge)
{
	return c->has_panel ? c->panel.verdicts[judge].ruling : KM_NO_RULING;
}

/* The entry at which the walk of the fault ended, if it is a present leaf; else NULL. */
static inline const struct km_walk_level *km_case_leaf(const struct km_case *c)
{
	return c->has_walk && c->walk.end == KM_END_LEAF ? km_walk_last(&c->walk) : NULL;
}

/* The state of a vCPU in one word. */
enum km_vcpu_state {
	KM_STATE_HEALTHY,     /* in the guest, or between exits; nothing contradicts */
	KM_STATE_WAITING,     /* its thread sleeps in the kernel, or the guest halts */
	KM_STATE_PROGRESSING, /* it faults, and what KVM does moves it on */
	KM_STATE_STUCK,
	KM_STATE_NEVER_RAN,
	KM_STATE_UNKNOWN, /* too much is missing */
};

const char *km_vcpu_state_name(enum km_vcpu_state state);

/* Lines in diagnoses.def. */
enum {
#define KM_DIAGNOSIS(kind, name, ...) KM_D_##name,
#include "diagnoses.def"
#undef KM_DIAGNOSIS
	KM_DIAGNOSES,
};

/* What the whole catalogue makes of a case. */
struct km_explanation {
	enum km_vcpu_state state;
	enum km_certainty certainty; /* of the state */
	char verdict[320];	     /* one or two sentences: state, why, on what it rests */
	struct km_diagnosis found[KM_DIAGNOSES]; /* first what matters most */
	size_t count;
};

/* Runs the catalogue over the case, and then what follows. */
void km_explain_case(const struct km_case *c, struct km_explanation *e);

/* What was found, in e->found: leaves out symptoms that are explained, sorts, decides the state. */
void km_explain_found(const struct km_case *c, struct km_explanation *e);

#endif
