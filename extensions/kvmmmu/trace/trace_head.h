/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The head of a trace line: who, when, and where the event's name is. */
#ifndef KVMMMU_TRACE_HEAD_H
#define KVMMMU_TRACE_HEAD_H

#include "trace/trace_event.h"

struct km_trace_head {
	const char *name; /* as the kernel has it, without "kvm:"; within the line */
	size_t name_len;
	const char *body;	 /* behind the name and its ':' or '(' */
	bool call;		 /* perf trace: "name(field: value, ...)" */
	enum km_trace_kind kind; /* KM_TRACE_OTHER, too, if the name is not one of KVM's */
	const char *known;	 /* the kernel's name, NULL if it is not one of KVM's */
	bool prose;		 /* what precedes the name is not a head */
};

/*
 * Finds the event in @line and reads what is in front of it into comm, tid, time and count of
 * @event. KM_LINE_EVENT, KM_LINE_PARTIAL or KM_LINE_UNNAMED.
 */
enum km_trace_line km_trace_head(const char *line, struct km_trace_event *event,
				 struct km_trace_head *head);

/*
 * Return where another event begins in @text, whose first one is at its beginning: the line feed
 * between them was lost. NULL if there is none.
 */
const char *km_trace_second_event(const char *text);

/* The length of what may be a name of an event or a function at @text; 0: none. */
size_t km_trace_name_length(const char *text);

/* Return the kernel's name of the event at @text, and its kind in *@kind. NULL if there is none. */
const char *km_trace_name(const char *text, size_t len, enum km_trace_kind *kind);

#endif
