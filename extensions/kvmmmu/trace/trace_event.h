/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One line of a text trace, as printed by tracefs (trace, trace_pipe, latency format),
 * trace-cmd report (also -l and -R), perf script, perf trace, bpftrace and bcc programs that print
 * name=value. The head (thread, CPU, time) may lack any part, down to bare events.
 */
#ifndef KVMMMU_TRACE_EVENT_H
#define KVMMMU_TRACE_EVENT_H

#include "rules/access.h"

enum km_trace_line {
	KM_LINE_EVENT,
	KM_LINE_HARMLESS, /* comments, stack frames, prompts: nothing is lost with them */
	KM_LINE_LOST,	  /* the tracer dropped events here */
	KM_LINE_UNNAMED,  /* begins with no head of an event: perhaps the rest of the line before */
	KM_LINE_PARTIAL,  /* ends within the head of an event */
	KM_LINE_NO_FIELDS, /* an event whose fields are not understood */
};

enum km_trace_kind {
	KM_TRACE_OTHER, /* an event that is not evaluated */
	KM_TRACE_PAGE_FAULT,
	KM_TRACE_FAST_PAGE_FAULT,
	KM_TRACE_EXIT,
	KM_TRACE_NESTED_EXIT,
	KM_TRACE_ENTRY,
	KM_TRACE_EMULATE_INSN, /* an attempt, or (failed) its end */
	KM_TRACE_MMIO,	       /* kvm_mmio, kvm_fast_mmio */
	KM_TRACE_EMULATED,     /* handle_mmio_page_fault */
	KM_TRACE_REQUESTED,    /* kvm_mmu_spte_requested */
	KM_TRACE_SET_SPTE,     /* kvm_mmu_set_spte, mark_mmio_spte */
	KM_TRACE_SPTE_CHANGED,
	KM_TRACE_ZAP, /* zaps of a page table, a range of memory, or all */
	KM_TRACE_USERSPACE_EXIT,
	KM_TRACE_INJECTED,	 /* kvm_inj_exception */
	KM_TRACE_PAGING_ELEMENT, /* an entry of the guest's page tables */
	KM_TRACE_WALKER_ERROR,
	KM_TRACE_RMP_FAULT,
	KM_TRACE_ASYNC_FAULT,
	KM_TRACE_KINDS,
};

/* Why the vCPU left the guest, as far as faults are concerned. */
enum km_trace_reason {
	KM_REASON_OTHER,
	KM_REASON_EPT_VIOLATION,
	KM_REASON_EPT_MISCONFIG,
	KM_REASON_NPF,
	KM_REASON_EXTERNAL, /* interrupts, which show nothing about the vCPU */
};

struct km_trace_event {
	enum km_trace_kind kind;
	const char *name; /* of km_trace_name(); NULL: none of KVM's */
	uint64_t count;	  /* as "uniq -c" has it; else 1 */
	bool of_pairs;	  /* a line of name=value, without an event's name */

	char comm[17]; /* "" if not in the line */
	bool has_tid;
	uint32_t tid;
	bool has_time;
	bool seconds;  /* time is in nanoseconds; else in ticks of some clock */
	uint64_t time; /* since boot, or ticks */
	int64_t vcpu;  /* -1: not known */
	bool has_rip;
	uint64_t rip;

	/*
	 * A fault. kvm_page_fault: on Intel error_code is the exit qualification. Exits: AMD's NPF
	 * has both, Intel's EPT_VIOLATION no address.
	 */
	bool has_address;
	uint64_t address, error_code;

	/* EXIT, NESTED_EXIT */
	enum km_trace_reason reason;
	uint64_t vectoring; /* the event that was being delivered; bit 31: there was one */

	/* FAST_PAGE_FAULT, SPTE_CHANGED; SET_SPTE has only the new one */
	uint64_t old_spte, new_spte;
	bool spurious, fixed;
	bool no_outcome; /* neither is printed: raw fields */

	uint64_t guest_pte; /* PAGING_ELEMENT, with level */

	/* REQUESTED, SET_SPTE, SPTE_CHANGED; ZAP: the first of @gfns, 0: not known */
	uint64_t gfn, pfn, gfns;
	int level; /* 0: not known */

	bool failed;	   /* EMULATE_INSN: the attempt failed */
	bool error;	   /* USERSPACE_EXIT: KVM_RUN returns an error, else an exit reason */
	unsigned number;   /* USERSPACE_EXIT: errno or KVM_EXIT_*; INJECTED: vector */
	char exception[8]; /* INJECTED: "#PF" */
};

#endif
