/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Repeated faults of a trace: which of them are loops, and of what kind. */
#ifndef KVMMMU_LOOPS_H
#define KVMMMU_LOOPS_H

#include "base/certainty.h"
#include "trace/trace.h"

enum km_trace_loop {
	KM_LOOP_NONE,
	KM_LOOP_CONTRADICTS,  /* always treated as spurious although the SPTE denies the access */
	KM_LOOP_RMP,	      /* SEV-SNP's reverse map table denies it */
	KM_LOOP_MEMORY_FAULT, /* KVM_EXIT_MEMORY_FAULT each time: private, shared */
	KM_LOOP_USER_ERROR,   /* KVM_RUN fails each time, userspace enters again */
	KM_LOOP_EMULATE_FAILED,
	KM_LOOP_INTERNAL_ERROR,
	KM_LOOP_MAP_ZAP,    /* mapped each time, and taken away again */
	KM_LOOP_GUEST,	    /* an exception is injected each time: the guest's own loop */
	KM_LOOP_SPURIOUS,   /* always treated as spurious; the SPTE is not known to deny it */
	KM_LOOP_REQUESTED,  /* always requested, never set: KVM finds the SPTE as intended */
	KM_LOOP_MAPPED,	    /* always mapped, never zapped, and it faults again */
	KM_LOOP_UNANSWERED, /* the trace does not show any result */
	KM_LOOP_MMIO,	    /* each is emulated as MMIO: not a loop of KVM's */
	KM_LOOPS,
};

/* The finding's name; NULL for KM_LOOP_NONE. */
const char *km_loop_id(enum km_trace_loop loop);

#define KM_LOOP_FAULTS 100 /* this many are a loop in any trace */
#define KM_LOOP_FEW    3   /* this many are one if the vCPU did little else */

/* Return the kind of loop. *@tally is set to the counters that show it: the longest run, or all. */
enum km_trace_loop km_trace_loop(const struct km_trace_vcpu *vcpu,
				 const struct km_trace_fault *fault,
				 const struct km_trace_tally **tally);

/* Did the vCPU fault elsewhere long after the last of these, or not at all until the trace ends? */
bool km_trace_went_on(const struct km_trace *trace, const struct km_trace_vcpu *vcpu,
		      const struct km_trace_tally *tally);

#define KM_LOOP_VCPUS 64

/* A loop and all vCPUs that are in it: the same kind at the same page, or with the same zapper. */
struct km_loop {
	enum km_trace_loop kind;
	const struct km_trace_vcpu *vcpus[KM_LOOP_VCPUS]; /* the first has most faults */
	size_t vcpu_count;				  /* may be more than KM_LOOP_VCPUS */
	const struct km_trace_fault *fault;		  /* of the first */
	struct km_trace_tally sum;			  /* of all */
	const struct km_trace_tally *seen;		  /* of the first */
	bool one_rip, one_error_code, one_address;	  /* the same in all */
	bool went_on; /* retried for a while, then the vCPU faulted elsewhere */
};

/*
 * All loops, the most frequent first; the caller frees *@loops. Out of memory is the only error.
 */
km_error *km_trace_loops(const struct km_trace *trace, struct km_loop **loops, size_t *count);

/*
 * Return how certain the loop is. It depends on the number of faults, on their rate, and on whether
 * the trace would show their results.
 */
enum km_certainty km_loop_certainty(const struct km_trace *trace, const struct km_loop *loop);

/*
 * Return the range whose page size changes so often and so fast that it makes no forward progress:
 * a huge page and the 4K pages of its range replace each other. NULL if there is none.
 */
const struct km_size_changes *km_trace_size_livelock(const struct km_trace *trace);

/* Does the trace contain the events that show whether a fault is fixed or emulated? */
bool km_loop_would_show(const struct km_trace *trace, const struct km_loop *loop);

#endif
