/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The faults of one vCPU that the kernel traced before the dump was taken: many moments before the
 * one that the dump shows. Pure: they may come from ftrace's ring buffers or from anywhere else.
 */
#ifndef KVMMMU_RECORDED_H
#define KVMMMU_RECORDED_H

#include "diagnose/samples.h"

/* A fault that was recorded again and again, until the trace of its vCPU ends. */
struct km_recorded {
	uint64_t faults;
	bool has_time;
	double seconds; /* from the first to the last */
	bool has_address, has_error_code;
	uint64_t address, error_code;
	bool qualification; /* error_code is VMX's exit qualification */
	/* each was treated as spurious, although the SPTE that was recorded with it denies it */
	bool contradicts;
	bool complete; /* no event in between is lost */
	/* that it is a loop, as far as the trace shows: km_loop_certainty() */
	enum km_certainty certainty;
	/* nothing is recorded that resolves one, and the trace has the events that would show it */
	bool unresolved;
};

/* Is the fault of @c that of @r: the same page, and the same access as far as both are known? */
bool km_recorded_is_fault_of(const struct km_recorded *r, const struct km_case *c);

/*
 * Judge the vCPU of @c, whose state in the dump alone is @e, by what was recorded of it. It loops
 * if its fault in the dump is the recorded one and is not resolved there either; that is proven if
 * KVM treats it as spurious and the SPTE denies it, then as now. Otherwise the verdict is open: a
 * trace ends before the dump, and no trace refutes what the dump shows.
 */
void km_recorded_judge(const struct km_recorded *r, const struct km_case *c,
		       const struct km_explanation *e, struct km_samples_verdict *v);

/*
 * Apply both to @e. Where no fault is known in the dump and nothing shows that the guest went on
 * after the recorded ones, the state is unknown rather than healthy.
 */
void km_recorded_settle(const struct km_recorded *r, const struct km_case *c,
			const struct km_samples_verdict *v, struct km_explanation *e);

#endif
