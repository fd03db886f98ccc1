/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The catalogue: conditions under which a vCPU hangs or loops, each a predicate over the case of
 * one vCPU. One file a condition (diagnose_*.c) and one line in diagnoses.def, in the order of
 * precedence: root causes before symptoms.
 */
#ifndef KVMMMU_DIAGNOSIS_H
#define KVMMMU_DIAGNOSIS_H

#include "page_fault.h"
#include "tasks.h"

/* All that is known of one vCPU. Whatever is missing is marked, and lowers certainty. */
struct km_case {
	const struct km_kernel *kernel;
	const struct km_vm *vm;
	const struct km_vcpu *vcpu;
	struct km_vcpu_mmu all;
	struct km_spte_masks masks; /* as its VM has them, read as mmu's tables are */
	const struct km_mmu *mmu;   /* that the fault is about, else the active one; NULL: none */
	struct km_last_fault last;
	const struct km_fault
		*fault; /* the one that is judged, with address and error code; or NULL */
	struct km_memslots slots;
	const struct km_memslot *slot; /* of the fault's gfn, or NULL */
	bool has_walk, has_panel, has_path;
	struct km_walk walk; /* of the fault's address */
	struct km_panel panel;
	struct km_page_fault_path path;
	struct km_tasks *tasks; /* threads of the host that matter; shared by all cases */
};

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

/* Fills @d (zeroed, with id, known_cases and advice) and returns true if the condition is there. */
typedef bool km_diagnose_fn(const struct km_case *c, struct km_diagnosis *d);

/* Adds one fact; drops what is too many. */
void km_evidence(struct km_diagnosis *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

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

#endif
