/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happens to each vCPU's faults, event by event. Part of trace.h. */
#ifndef KVMMMU_FOLLOW_FAULTS_H
#define KVMMMU_FOLLOW_FAULTS_H

#include "trace/trace.h"

/* Takes the next event of the trace. */
void km_follow_event(struct km_trace *trace, const struct km_trace_event *event);

/* A fast_page_fault event of @vcpu (NULL: it is not followed): follow_fast_faults.c. */
void km_follow_fast_page_fault(struct km_trace *trace, struct km_trace_vcpu *vcpu,
			       const struct km_trace_event *event);

/* The fault itself was not recorded: only the exit that the vCPU holds is known. */
void km_follow_fault_of_exit(struct km_trace *trace, struct km_trace_vcpu *vcpu);

/* The instruction that is being emulated did not fail: it counts as done. */
void km_follow_end_attempt(struct km_trace_vcpu *vcpu);

/*
 * There are no more events: end what is open, and sort each vCPU's faults, the most frequent first:
 * follow_faults_end.c.
 */
void km_follow_end(struct km_trace *trace);

#endif
