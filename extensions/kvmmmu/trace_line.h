/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One line of a text trace: as tracefs prints it (trace, trace_pipe), as trace-cmd report and perf
 * script do. arch/x86/kvm/trace.h and mmutrace.h have the events.
 */
#ifndef KVMMMU_TRACE_LINE_H
#define KVMMMU_TRACE_LINE_H

#include "access.h"

enum km_trace_line {
	KM_LINE_EVENT,
	KM_LINE_COMMENT, /* header, empty */
	KM_LINE_LOST,	 /* the tracer dropped events here */
	KM_LINE_ODD,	 /* none of these, or an event of KVM's whose fields are not understood */
};

enum km_trace_kind {
	KM_TRACE_OTHER, /* an event that is not looked at */
	KM_TRACE_PAGE_FAULT,
	KM_TRACE_FAST_PAGE_FAULT,
	KM_TRACE_EXIT,
	KM_TRACE_ENTRY,
	KM_TRACE_EMULATED, /* kvm_mmio, kvm_emulate_insn, handle_mmio_page_fault */
	KM_TRACE_SET_SPTE, /* kvm_mmu_set_spte, mark_mmio_spte */
	KM_TRACE_KINDS,
};

struct km_trace_event {
	enum km_trace_kind kind;
	char comm[17];
	uint32_t tid;
	bool seconds;  /* time is in nanoseconds; else in ticks of some clock */
	uint64_t time; /* since boot, or ticks */
	int64_t vcpu;  /* -1: not told */
	bool has_rip;
	uint64_t rip;
	/* Of a fault. kvm_page_fault: on Intel error_code is the exit qualification. */
	uint64_t address, error_code;
	/* KM_TRACE_FAST_PAGE_FAULT */
	uint64_t old_spte, new_spte;
	bool spurious, fixed;
};

/* Parses @line, which ends at its NUL. *@lost: events dropped, 0 if the line does not say. */
enum km_trace_line km_trace_line(const char *line, struct km_trace_event *event, uint64_t *lost);

#endif
