/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line of a trace, read as an event of KVM's. */
#ifndef KVMMMU_TRACE_LINE_H
#define KVMMMU_TRACE_LINE_H

#include "trace/trace_event.h"

/*
 * Parse @line. *@lost: events dropped, 0 if the line is not about that. @event is filled for
 * KM_LINE_EVENT; for KM_LINE_NO_FIELDS its kind is. *@kernel_base: raw fields of this file have the
 * base that TP_printk() prints them in; set if the line shows that.
 */
enum km_trace_line km_trace_line(const char *line, struct km_trace_event *event, uint64_t *lost,
				 bool *kernel_base);

/*
 * Does @line have two words or more of the form name=value or name(value), or an event's name
 * before the first of them?
 */
bool km_trace_has_pairs(const char *line);

/* "address and error_code", ...: what a line of this kind must contain; NULL if nothing. */
const char *km_trace_wanted_fields(enum km_trace_kind kind);

#endif
