/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading a trace or a kernel log from its text. */
#ifndef KVMMMU_TRACE_READ_H
#define KVMMMU_TRACE_READ_H

#include "trace/trace.h"

#include <stdio.h>

/* Called regularly while a trace is read. Return false to stop. */
typedef bool km_trace_progress_fn(void *ctx, uint64_t bytes);

/*
 * Read @file to its end: events of traces and messages of kernel logs. Lines that are not
 * understood are counted and skipped. @progress may be NULL. Errors: KM_EINTR, KM_EREAD, out of
 * memory. The caller calls km_trace_deinit() in any case.
 */
km_error *km_trace_read(FILE *file, const struct km_trace_rules *rules,
			km_trace_progress_fn *progress, void *ctx, struct km_trace *trace);

#endif
