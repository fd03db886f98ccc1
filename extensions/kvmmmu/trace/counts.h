/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines that count events instead of printing them: bpftrace's maps, ftrace's histograms, perf kvm
 * stat, perf stat, kvm_stat, the statistics in debugfs, funccount and kvmexit of bcc.
 */
#ifndef KVMMMU_COUNTS_H
#define KVMMMU_COUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KM_COUNTS     32 /* that are kept: the highest ones */
#define KM_COUNT_KEY  160
#define KM_COUNT_KEYS 1024 /* bytes of a key of several lines that are read */

/* Which tool printed a count. */
enum km_counted_by {
	KM_COUNTED_BPFTRACE,  /* "@faults[0x2f4a, 0x184]: 12", also with a stack as key */
	KM_COUNTED_HISTOGRAM, /* "{ gva: 2f4a000 } hitcount: 12" */
	KM_COUNTED_PERF_KVM,  /* below "VM-EXIT Samples Samples%" */
	KM_COUNTED_PERF_STAT, /* below "Performance counter stats" */
	KM_COUNTED_KVM_STAT,  /* "pf_fixed 12", "pf_fixed:12" */
	KM_COUNTED_BCC,	      /* below "FUNC COUNT", "KVM_EXIT_REASON STAT" */
	KM_COUNTED_BY,
};

struct km_count {
	char key[KM_COUNT_KEY];
	uint64_t count;
	enum km_counted_by by;
};

struct km_counts {
	struct km_count kept[KM_COUNTS]; /* highest first */
	size_t count;
	uint64_t lines; /* counts that were read, also those that are not kept */
	/* while reading */
	enum km_counted_by table; /* whose rows follow; KM_COUNTED_BY: none */
	bool rows;		  /* the table has some */
	bool open;		  /* a key of several lines is being read */
	char key[KM_COUNT_KEYS];
};

/* Start without counts. */
void km_counts_init(struct km_counts *counts);

/*
 * Read a line, which is not an event. Return whether it is part of such counts: a count, a head of
 * a table of counts, or part of a key.
 */
bool km_counts_line(struct km_counts *counts, const char *line);

/* "bpftrace", "perf kvm stat" */
const char *km_counted_by_name(enum km_counted_by by);

/*
 * What the key of @count, one of @counts, means: "EPT_VIOLATION", "faults that changed nothing",
 * "0x30000000, error code W|U|RSVD|GUEST_FINAL" for the decimal numbers that bpftrace prints. Into
 * @buf, and returned; NULL if nothing is known. 200 bytes are enough.
 */
const char *km_count_meaning(const struct km_counts *counts, const struct km_count *count,
			     char *buf, size_t size);

/* Return the count with this key; 0 if there is none. */
uint64_t km_counts_of(const struct km_counts *counts, const char *key);

#endif
