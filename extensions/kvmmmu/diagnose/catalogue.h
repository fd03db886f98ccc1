/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The catalogue as a table: what each finding means, what to do about it, and the kernel commits
 * that fixed or introduced such a fault. explain and its manual page print from it.
 */
#ifndef KVMMMU_CATALOGUE_H
#define KVMMMU_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>

#define KM_KNOWN_CASES 4

/* What a condition has to report before a known case applies: bits of km_diagnosis.known. */
enum km_known_when {
	KM_WHEN_ANY,	    /* whenever the condition is found */
	KM_WHEN_STUCK,	    /* the vCPU makes no progress because of it */
	KM_WHEN_PREFAULT,   /* the thread is in KVM_PRE_FAULT_MEMORY */
	KM_WHEN_GUEST_WALK, /* a write by the processor's walk of the guest's page tables */
	KM_WHEN_ENCRYPTED,  /* the guest's registers are encrypted */
	KM_WHEN_BUGGED,	    /* KVM found a bug of its own: a walk of too many levels */
	KM_WHEN_RUNS_ON,    /* the vCPU is in KVM_RUN, and no request tells it to leave */
	KM_WHEN_SHADOW,	    /* a page table of the shadow MMU */
	KM_WHEN_SMM,	    /* the vCPU is in system management mode */
};

/* A kernel commit, cited as: commit ("subject", release). */
struct km_known_case {
	const char *commit;  /* 12 hexadecimal digits */
	const char *subject; /* its first line */
	const char *release; /* the first one that has it */
	bool introduced;     /* it introduced the fault; otherwise it fixed it */
	enum km_known_when when;
};

struct km_finding_text {
	const char *id;
	const char *means;  /* one sentence */
	const char *advice; /* what to do next, or NULL */
	struct km_known_case cases[KM_KNOWN_CASES];
	size_t case_count;
};

/* Lines in diagnoses.def. */
enum {
#define KM_DIAGNOSIS(kind, name, ...) KM_D_##name,
#include "diagnose/diagnoses.def"
#undef KM_DIAGNOSIS
	KM_DIAGNOSES,
};

/* In the order of diagnoses.def. */
extern const struct km_finding_text km_finding_texts[KM_DIAGNOSES];

/* Return the text of the finding @id, or NULL if the catalogue has none. */
const struct km_finding_text *km_finding_text(const char *id);

/*
 * Spell the known cases of @text whose "when" is a bit of @when as one line: the fixes, then what
 * introduced the fault. Return @buf; "" if there is none.
 */
char *km_known_cases_spell(const struct km_finding_text *text, unsigned when, char *buf,
			   size_t size);

#endif
