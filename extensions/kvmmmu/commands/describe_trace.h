/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parts of the answer about a trace: describe_trace.c, describe_loops.c, describe_log.c. */
#ifndef KVMMMU_DESCRIBE_TRACE_H
#define KVMMMU_DESCRIBE_TRACE_H

#include "document/document.h"
#include "trace/loops.h"

/* What was read, what of it was not understood, and what it was judged with. */
void km_describe_trace(struct km_node *root, const struct km_trace *trace, const char *name);

/* How the fast_page_fault events agree with our rule. */
void km_describe_verdicts(struct km_node *root, const struct km_trace *trace);

/* Threads with their faults and outcomes, the most frequent first. */
void km_describe_trace_vcpus(struct km_node *root, const struct km_trace *trace);

/* The most frequent faults of all threads. */
km_error *km_describe_trace_faults(struct km_node *root, const struct km_trace *trace);

/* Lines that count events, and what they lack; nothing if there are none. */
void km_describe_trace_counts(struct km_node *root, const struct km_counts *counts);

/* Findings: loops, and whatever else repeats. */
km_error *km_describe_loops(struct km_node *root, const struct km_trace *trace);

/*
 * KVM's messages of a kernel log, their SPTEs decoded; nothing if there are none. @unit: what their
 * numbers count, "line" or "record".
 */
void km_describe_log(struct km_node *root, const struct km_log *log, const char *unit);

/* Those that mean trouble, one line each; nothing if there are none. */
void km_describe_log_briefly(struct km_node *root, const struct km_log *log);

/* All of them, one line each: a table that may be empty. */
void km_describe_log_lines(struct km_node *parent, const struct km_log *log);

/* A time of the trace: seconds, or ticks. */
struct km_value km_trace_time(struct km_node *node, const struct km_trace *trace, uint64_t time);

/* The number of a vCPU, or "?". */
struct km_value km_trace_vcpu_id(const struct km_trace_vcpu *vcpu);

/* "P|W|U", "0x184"; "-" if the fault has none. Lives with @node. */
const char *km_trace_error_code(struct km_node *node, const struct km_trace_fault *fault);

#endif
