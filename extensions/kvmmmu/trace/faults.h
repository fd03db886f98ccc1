/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The vCPUs of a trace, their faults, and the counters of both. Internal to trace/. */
#ifndef KVMMMU_FAULTS_H
#define KVMMMU_FAULTS_H

#include "trace/trace.h"

#define KM_NO_FAULT KM_TRACE_HOT /* km_trace_vcpu.current before its first fault */

/* Return the vCPU that the event belongs to; NULL if there is none yet. */
struct km_trace_vcpu *km_faults_find_vcpu(const struct km_trace *trace,
					  const struct km_trace_event *event);

/* The same, but add it if there is none; NULL if there are too many, or out of memory. */
struct km_trace_vcpu *km_faults_get_vcpu(struct km_trace *trace,
					 const struct km_trace_event *event);

/* Return what identifies the fault of this event. */
struct km_trace_fault km_faults_key(const struct km_trace_event *event, bool has_error_code);

/*
 * Begin a fault: @key becomes the current one, and what happened to its page's last mapping is
 * counted.
 */
void km_faults_begin(struct km_trace *trace, struct km_trace_vcpu *vcpu,
		     const struct km_trace_event *event, const struct km_trace_fault *key);

/* Count an outcome of the current fault, of its run, and of the vCPU. */
void km_faults_count(struct km_trace_vcpu *vcpu, enum km_outcome outcome, uint64_t times);

/* The current fault was fixed: end its run, which does not include it. */
void km_faults_fixed(struct km_trace_vcpu *vcpu);

/* End a run, in which nothing was fixed; keep it if it is the longest one. */
void km_faults_end_run(struct km_trace_fault *fault);

#endif
