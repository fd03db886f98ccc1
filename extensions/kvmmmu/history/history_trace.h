/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The trace of the instance with the most page faults, read like a text trace. */
#ifndef KVMMMU_HISTORY_TRACE_H
#define KVMMMU_HISTORY_TRACE_H

#include "history/history.h"
#include "trace/trace_read.h"

/* Return the instance with the most page faults, or the most events. NULL: there are no events. */
const struct km_instance *km_history_best(const struct km_history *history);

/*
 * Set *@rules to what events of this kernel are compared with, in its own format of SPTEs. Return
 * false if that is not known.
 */
bool km_history_rules(const struct km_kernel *kernel, struct km_trace_rules *rules);

/* Read the events of @instance. Errors as km_trace_read(); call km_trace_deinit() in any case. */
km_error *km_history_trace(const struct km_history *history, const struct km_instance *instance,
			   const struct km_trace_rules *rules, km_trace_progress_fn *progress,
			   void *ctx, struct km_trace *trace);

#endif
