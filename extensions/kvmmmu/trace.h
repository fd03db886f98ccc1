/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A trace of KVM's page faults, read in one pass with bounded memory: faults by vCPU and address,
 * each fast_page_fault event put to our own rule, and the faults that come again and again.
 */
#ifndef KVMMMU_TRACE_H
#define KVMMMU_TRACE_H

#include "error.h"
#include "fast_page_fault.h"
#include "trace_line.h"

#include <stdio.h>

#define KM_TRACE_HOT	 48   /* faults that are kept apart for each vCPU: the most frequent */
#define KM_TRACE_THREADS 1024 /* vCPU threads */
#define KM_TRACE_TESTS	 4

/*
 * What the events are judged with. Without masks only what every format has in common is judged: a
 * write needs W.
 */
struct km_trace_rules {
	bool has_masks;
	struct km_spte_masks masks;
	/* each a test that the kernel may have; an event fits if it fits one of them */
	struct km_trace_test {
		bool has_words; /* else is_access_allowed() */
		uint16_t words[KM_PERM_WORDS];
	} tests[KM_TRACE_TESTS];
	size_t test_count;
};

/* What a fast_page_fault event is, seen by our rule. */
enum km_trace_verdict {
	KM_VERDICT_FITS,
	KM_VERDICT_FITS_ABOVE, /* if the SPTE is above level 1 (the event does not say) */
	KM_VERDICT_RACE,       /* somebody else changed the SPTE: the new one was read again */
	KM_VERDICT_DIFFERS,
	KM_VERDICT_CONTRADICTS, /* taken for spurious though the SPTE denies the access */
	KM_VERDICT_NONE,	/* not judged: no masks */
	KM_VERDICTS,
};

enum km_trace_verdict km_trace_judge(const struct km_trace_rules *rules,
				     const struct km_trace_event *event);

/* How often, and what came of it. */
struct km_trace_tally {
	uint64_t faults;
	uint64_t spurious, fixed, slow; /* of fast_page_fault */
	uint64_t set_spte, emulated;	/* until the vCPU's next fault */
	uint64_t contradicts;
	uint64_t first, last; /* time of the first and the last fault */
};

/* One fault: the same address, error code and RIP. */
struct km_trace_fault {
	uint64_t address, error_code, rip;
	bool has_error_code; /* of kvm_page_fault */
	bool has_rip;
	bool has_spte;			      /* a fast_page_fault event was seen */
	uint64_t pferr, old_spte, new_spte;   /* of the last one */
	struct km_trace_tally all, run, best; /* best: the longest run in which nothing was fixed */
};

/* The same RIP faulting at rising addresses. */
struct km_trace_progress {
	uint64_t rip, first_address, last_address, faults, first, last;
};

struct km_trace_vcpu {
	uint32_t tid;
	int64_t vcpu; /* -1: not told */
	char comm[17];
	uint64_t events[KM_TRACE_KINDS];
	struct km_trace_tally all;
	struct km_trace_fault hot[KM_TRACE_HOT]; /* most frequent first, after reading */
	size_t hot_count;
	uint64_t forgotten; /* faults that made room for others */
	struct km_trace_progress progress, best_progress;
	/* while reading */
	size_t current; /* of hot; KM_TRACE_HOT: none */
	bool waits_for_fast;
};

struct km_trace {
	uint64_t lines, comments, odd, lost_places, lost_events;
	uint64_t events[KM_TRACE_KINDS];
	uint64_t verdicts[KM_VERDICTS];
	struct km_trace_event
		odd_ones[4]; /* that differ or contradict, one of each SPTE and error code */
	enum km_trace_verdict odd_verdicts[4];
	size_t odd_count;
	bool has_time, seconds;
	uint64_t first, last;
	struct km_trace_vcpu **vcpus; /* in the order of their first event */
	size_t vcpu_count;
	uint64_t crowded; /* events of threads past KM_TRACE_THREADS */
};

/*
 * Reads @file to its end. Lines that are not understood are counted and skipped. @interrupted (NULL
 * is fine) is asked now and then. Errors: KM_EINTR, KM_EREAD, out of memory. The caller calls
 * km_trace_deinit() in any case.
 */
km_error *km_trace_read(FILE *file, const struct km_trace_rules *rules,
			bool (*interrupted)(void *ctx), void *ctx, struct km_trace *trace);
void km_trace_deinit(struct km_trace *trace);

/* What a fault that comes again and again is. */
enum km_trace_loop {
	KM_LOOP_NONE,
	KM_LOOP_CONTRADICTS, /* taken for spurious each time, and the SPTE denies it */
	KM_LOOP_SPURIOUS,   /* taken for spurious each time; that the SPTE denies it is not shown */
	KM_LOOP_UNANSWERED, /* nothing that the trace shows came of it */
};

/* From this many times on it is a loop. */
#define KM_LOOP_FAULTS 100

/* *@tally is what it is seen in: the longest run, or all of them. */
enum km_trace_loop km_trace_loop(const struct km_trace_fault *fault,
				 const struct km_trace_tally **tally);

/* Did the vCPU fault elsewhere long after the last of these? */
bool km_trace_went_on(const struct km_trace_vcpu *vcpu, const struct km_trace_tally *tally);

/* Times a second; 0 if the trace has no time for it. */
double km_trace_rate(const struct km_trace *trace, const struct km_trace_tally *tally);

#endif
