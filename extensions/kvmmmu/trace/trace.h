/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A trace of KVM's page faults, read in one pass with bounded memory: faults by vCPU and address,
 * each fast_page_fault event compared with our model, the result of each fault, and repeated
 * faults.
 */
#ifndef KVMMMU_TRACE_H
#define KVMMMU_TRACE_H

#include "base/error.h"
#include "trace/counts.h"
#include "trace/log.h"
#include "trace/mappings.h"
#include "trace/trace_judge.h"

#include <stdio.h>

#define KM_TRACE_HOT	 48   /* faults that are kept apart for each vCPU: the most frequent */
#define KM_TRACE_THREADS 1024 /* vCPU threads */
#define KM_TRACE_PAGES	 (1u << 20) /* bits that distinguish pages */
#define KM_TRACE_ZAPPERS 8	    /* that are counted; others are not */
#define KM_TRACE_ODD	 200	    /* bytes that are kept of a line that is not understood */

/* The results of a fault until the vCPU's next one. */
enum km_outcome {
	KM_OUTCOME_SPURIOUS, /* of fast_page_fault */
	KM_OUTCOME_FIXED,
	KM_OUTCOME_SLOW,
	KM_OUTCOME_SET_SPTE,
	KM_OUTCOME_REQUESTED, /* kvm_mmu_spte_requested */
	KM_OUTCOME_EMULATED,  /* an instruction, with success as far as the trace shows */
	KM_OUTCOME_EMULATE_FAILED,
	KM_OUTCOME_MMIO,
	KM_OUTCOME_INJECTED,	   /* an exception into the guest */
	KM_OUTCOME_WALKER_ERROR,   /* the guest's page tables deny the access */
	KM_OUTCOME_USER_ERROR,	   /* KVM_RUN returned an error */
	KM_OUTCOME_MEMORY_FAULT,   /* KVM_EXIT_MEMORY_FAULT */
	KM_OUTCOME_INTERNAL_ERROR, /* KVM_EXIT_INTERNAL_ERROR */
	KM_OUTCOME_USER_MMIO,	   /* KVM_EXIT_MMIO */
	KM_OUTCOME_ASYNC,	   /* waits for a page of the host */
	KM_OUTCOME_RMP,		   /* kvm_rmp_fault */
	/* what came before it, or beside it */
	KM_OUTCOME_ZAPPED,	/* its page had been mapped, and was zapped */
	KM_OUTCOME_MAPPED,	/* its page had been mapped, and was not zapped */
	KM_OUTCOME_UNCHANGED,	/* fast_page_fault: old and new SPTE are equal */
	KM_OUTCOME_CONTRADICTS, /* fast_page_fault: KM_VERDICT_CONTRADICTS */
	KM_OUTCOME_VECTORED,	/* while an event was being delivered */
	KM_OUTCOME_OTHER_EXIT,	/* the vCPU left the guest for something else */
	KM_OUTCOME_SEEN_FIXED,	/* neither in fast_page_fault, fixed by its SPTEs */
	KM_OUTCOME_SEEN_SPURIOUS,
	KM_OUTCOMES,
};

struct km_trace_tally {
	uint64_t faults;
	uint32_t n[KM_OUTCOMES]; /* stops at UINT32_MAX */
	uint64_t first, last;	 /* time of the first and the last fault */
	bool has_time;
};

/* One fault: the same address, error code and RIP. */
struct km_trace_fault {
	bool has_address, has_error_code, has_rip;
	uint64_t address, error_code, rip;
	bool qualification; /* error_code is VMX's exit qualification */
	bool amd;	    /* error_code is that of an NPF exit */
	bool misconfig;	    /* an EPT_MISCONFIG exit */
	bool has_mmio_address;
	uint64_t mmio_address;		    /* of the last kvm_mmio, where the exit has none */
	bool has_pferr;			    /* a fast_page_fault event was seen */
	uint64_t pferr, old_spte, new_spte; /* of the last one */
	uint64_t vectoring;		    /* the last one with bit 31 */
	uint64_t pfn;			    /* of the last request */
	char exception[8];		    /* that was injected last */
	unsigned user_errno;		    /* that KVM_RUN returned last */
	int guest_level;		    /* of guest_pte; 0: not known */
	uint64_t guest_pte;		    /* the guest's entry at which its walk ended last */
	struct km_zapper zapper;	    /* the last one */
	bool several_zappers;
	uint64_t zapped_after;		      /* the shortest time from mapping to zap */
	struct km_trace_tally all, run, best; /* best: the longest run in which nothing was fixed */
};

/* The same RIP faulting at rising addresses. */
struct km_trace_progress {
	uint64_t rip, first_address, last_address, faults, first, last;
};

struct km_trace_vcpu {
	bool has_tid;
	uint32_t tid;
	int64_t vcpu; /* -1: not known */
	char comm[17];
	uint64_t events[KM_TRACE_KINDS];
	struct km_trace_tally all;
	struct km_trace_fault hot[KM_TRACE_HOT]; /* most frequent first, after reading */
	size_t hot_count;
	uint64_t forgotten; /* faults that were dropped for others */
	struct km_trace_progress progress, best_progress;
	/* while reading */
	uint64_t hot_address[KM_TRACE_HOT], hot_faults[KM_TRACE_HOT]; /* of hot, to search it */
	size_t current; /* of hot; KM_TRACE_HOT: none */
	bool waits_for_fast;
	bool attempts;	   /* an instruction is being emulated */
	bool mmio_attempt; /* for handle_mmio_page_fault, before kvm_emulate_insn is printed */
	bool changed;	   /* by kvm_tdp_mmu_spte_changed, of changed_gfn */
	uint64_t changed_gfn;
	uint64_t guest_pte; /* the guest's last entry on a walk */
	int guest_level;    /* 0: none */
	bool has_exit;	    /* an exit that may be a fault of its own */
	struct km_trace_event exit;
};

struct km_trace {
	uint64_t lines, bytes, harmless, lost_places, lost_events;
	/* lines that are not understood; of them events of KVM's whose fields are not; the first */
	uint64_t odd, odd_events[KM_TRACE_KINDS], first_odd;
	uint64_t last_odd; /* while reading: the number of the last one */
	char first_odd_text[KM_TRACE_ODD];
	enum km_trace_kind first_odd_kind; /* KM_TRACE_OTHER: no event */
	uint64_t events[KM_TRACE_KINDS];
	uint64_t failed_attempts;
	uint64_t verdicts[KM_VERDICTS];
	uint64_t no_outcome_verdicts[KM_VERDICTS]; /* of events that print neither, by SPTEs */
	bool outcome_lost; /* spurious and fixed are 0 in all events, unlike the SPTEs */
	struct km_trace_event
		odd_ones[4]; /* that differ or contradict, one of each SPTE and error code */
	enum km_trace_verdict odd_verdicts[4];
	size_t odd_count;
	bool has_time, seconds;
	uint64_t first, last;
	struct km_trace_vcpu **vcpus; /* in the order of their first event */
	size_t vcpu_count;
	uint64_t crowded; /* events of threads past KM_TRACE_THREADS */
	uint64_t pages;	  /* different ones that faulted; an estimate above some hundred thousand */
	/* who zapped pages that then faulted again */
	struct km_trace_zapper {
		struct km_zapper who;
		uint64_t faults;
	} zappers[KM_TRACE_ZAPPERS];
	size_t zapper_count;
	struct km_trace_rules rules;
	struct km_log log;
	struct km_counts counts;
	struct km_mappings *mappings;
	uint64_t *page_bits; /* KM_TRACE_PAGES of them */
	uint64_t page_bits_set;
};

void km_trace_deinit(struct km_trace *trace);

/* Return the number of faults that the trace shows, by any event. */
uint64_t km_trace_faults(const struct km_trace *trace);

/* Return faults per second; 0 if the trace has no time for it. */
double km_trace_rate(const struct km_trace *trace, const struct km_trace_tally *tally);

#endif
