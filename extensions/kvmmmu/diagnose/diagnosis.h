/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A diagnosis: what one condition of the catalogue found about one vCPU, and what follows from all
 * of them. One file per condition (conditions/NAME.c) and one entry in diagnoses.def, in order of
 * precedence: root causes before symptoms.
 */
#ifndef KVMMMU_DIAGNOSIS_H
#define KVMMMU_DIAGNOSIS_H

#include "diagnose/case.h"
#include "diagnose/catalogue.h"

#include <inttypes.h>
#include <string.h>

#define KM_EVIDENCE 8

/* What one condition found. */
struct km_diagnosis {
	const char *id;
	enum km_certainty certainty;
	bool stuck;	   /* this is why the vCPU makes no progress */
	bool apart;	   /* it does not concern the fault */
	bool by_counts;	   /* that it concerns this vCPU follows from its counters alone */
	char verdict[240]; /* one sentence */
	char evidence[KM_EVIDENCE][200]; /* each a fact with the bytes it follows from */
	size_t evidence_count;
	char open[240]; /* what is missing or would settle it; "" if nothing */
	bool advise;	/* the catalogue's advice applies */
	/* if it does not hold: what it needs and is not readable, "... is not readable"; or NULL */
	const char *missing;
	unsigned known; /* which of its known cases apply: bits of enum km_known_when */
};

/*
 * Fill @d (zeroed but for id, advise and KM_WHEN_ANY in known) and return true if the condition
 * holds. Nothing above KM_POSSIBLE without km_case_in_handler(), a contradiction in the dump that
 * does not depend on the fault, or km_rests_on_counts(): each condition ensures this itself. It may
 * read more through c->kernel, with a label (km_kget() and similar functions), so that a capsule
 * contains it: capture runs the catalogue, too.
 */
typedef bool km_diagnose_fn(const struct km_case *c, struct km_diagnosis *d);

/* km_diagnose_NAME() of every line in diagnoses.def. */
#define KM_DIAGNOSIS(kind, name, ...) km_diagnose_fn km_diagnose_##name;
#include "diagnose/diagnoses.def"
#undef KM_DIAGNOSIS

/* What a line of diagnoses.def is. */
enum km_diagnosis_kind {
	KM_CAUSE,   /* may be why */
	KM_SYMPTOM, /* left out where a cause that is at least likely explains why it is stuck */
};

/* Return true if it is at least likely that @d is why the vCPU makes no progress. */
static inline bool km_explains(const struct km_diagnosis *d)
{
	return d->stuck && d->certainty >= KM_LIKELY;
}

/* Lower @certainty to @most if it is higher. */
static inline void km_at_most(enum km_certainty *certainty, enum km_certainty most)
{
	*certainty = *certainty > most ? most : *certainty;
}

/* Raise @certainty to @least if it is lower. */
static inline void km_at_least(enum km_certainty *certainty, enum km_certainty least)
{
	*certainty = *certainty < least ? least : *certainty;
}

/* Set the verdict; add one fact (those that are too many are dropped); set what is open. */
void km_verdict_says(struct km_diagnosis *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void km_evidence(struct km_diagnosis *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void km_leaves_open(struct km_diagnosis *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* "fetch", "write" or "read". */
const char *km_access_text(uint64_t error_code);

/* "write at GPA 0x4000000, error code 0x7 = P|W|U"; into @buf. Return @buf. */
char *km_case_fault_spell(const struct km_case *c, char *buf, size_t size);

/* Add as a fact: the counters that distinguish a loop from progress, where they are known. */
void km_evidence_counters(const struct km_case *c, struct km_diagnosis *d);

/*
 * Add as facts: whether the processor denies the fault, and the result of the test that KVM uses.
 * Needs the panel.
 */
void km_evidence_judges(const struct km_case *c, struct km_diagnosis *d);

/* The judge that this kernel consults for SPTEs of this MMU, if it consults any. */
static inline enum km_judge km_case_asked_judge(const struct km_case *c)
{
	return c->kernel->features.spte_table ? KM_JUDGE_TABLE : KM_JUDGE_LEGACY;
}

/* Return true if the replayed path certainly ends in @function of the kernel, with @ret. */
static inline bool km_path_ends_at(const struct km_case *c, const char *function,
				   enum km_ret_pf ret)
{
	return c->has_path && c->path.end && c->path.ret == ret &&
	       !strcmp(c->path.end->function, function);
}

/* The ruling of @judge on the fault; KM_NO_RULING without a panel. */
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
	KM_STATE_HEALTHY,     /* in the guest, or between exits, and nothing contradicts */
	KM_STATE_WAITING,     /* its thread sleeps in the kernel, or the guest is halted */
	KM_STATE_PROGRESSING, /* it faults, and what KVM does resolves the fault */
	KM_STATE_STUCK,	      /* it makes no forward progress */
	KM_STATE_NEVER_RAN,
	KM_STATE_UNKNOWN, /* too much is missing */
};

const char *km_vcpu_state_name(enum km_vcpu_state state);

/* What all conditions found, and what follows. */
struct km_explanation {
	enum km_vcpu_state state;
	enum km_certainty certainty;		 /* of the state */
	char verdict[480];			 /* one sentence: why it is in this state */
	struct km_diagnosis found[KM_DIAGNOSES]; /* first what matters most */
	size_t count;
	const char *missing; /* what a condition needs and is not readable; NULL if nothing */
};

/* Check all conditions of the catalogue and decide the state. */
void km_explain_case(const struct km_case *c, struct km_explanation *e);

/* With the findings in e->found: drop symptoms that are explained, sort, decide the state. */
void km_explain_found(const struct km_case *c, struct km_explanation *e);

#endif
