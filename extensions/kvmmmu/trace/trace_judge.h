/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compare fast_page_fault events with our model of fast_page_fault(). */
#ifndef KVMMMU_TRACE_JUDGE_H
#define KVMMMU_TRACE_JUDGE_H

#include "rules/fast_page_fault.h"
#include "trace/spte_fit.h"
#include "trace/trace_event.h"

#define KM_TRACE_TESTS 4
#define KM_TRACE_SEEN  8

/* One format of SPTEs, and the tests that a kernel with it may have. */
struct km_trace_format {
	struct km_spte_masks masks;
	/* an event fits if it fits one of them */
	struct km_trace_test {
		bool has_words; /* else is_access_allowed() */
		uint16_t words[KM_PERM_WORDS];
	} tests[KM_TRACE_TESTS];
	size_t test_count;
	enum km_fit fit;	 /* if the format is inferred */
	bool excluded;		 /* by an SPTE or an exit of the trace */
	uint64_t excluding_spte; /* 0: by an exit */
	char why[160];		 /* as of km_fit_fits() */
};

/*
 * What events are compared with: the format that was asked for, or all formats, some of which the
 * trace excludes. Without a format, only what all have in common is checked: a write needs W.
 */
struct km_trace_rules {
	struct km_trace_format formats[KM_FITS];
	size_t count;
	bool inferred;
	unsigned left; /* inferred formats that are not excluded */
	/* SPTEs that were examined last, without their addresses, which exclude nothing */
	struct {
		uint64_t bits;
		int level;
	} seen[KM_TRACE_SEEN];
	unsigned next_seen;
};

/* How a fast_page_fault event compares with our model. */
enum km_trace_verdict {
	KM_VERDICT_FITS,
	KM_VERDICT_FITS_ABOVE, /* if the SPTE is above level 1 (the level is not in the event) */
	KM_VERDICT_RACE,       /* the SPTE was changed by another task before it was read again */
	KM_VERDICT_DIFFERS,
	KM_VERDICT_CONTRADICTS, /* treated as spurious although the SPTE denies the access */
	KM_VERDICT_NONE,	/* not judged: no masks */
	KM_VERDICTS,
};

/* All formats, to be excluded by what the trace shows. */
void km_trace_rules_infer(struct km_trace_rules *rules);

/* Adds the table of a direct MMU as its role has it, without and with MBEC or GMET. */
void km_trace_add_tables(struct km_trace_format *format);

/* Adds is_access_allowed(). */
void km_trace_add_legacy(struct km_trace_format *format);

/* Excludes the formats that do not fit this SPTE at @level (0: not known), this exit. */
void km_trace_exclude_spte(struct km_trace_rules *rules, uint64_t spte, int level);
void km_trace_exclude_reason(struct km_trace_rules *rules, enum km_trace_reason reason);

enum km_trace_verdict km_trace_judge(const struct km_trace_rules *rules,
				     const struct km_trace_event *event);

/*
 * Return the outcome that the SPTEs of the event show, regardless of its flags: KM_RET_PF_FIXED if
 * the new one is what the fast path writes, KM_RET_PF_SPURIOUS if the old one permits the access
 * and stays, else KM_RET_PF_INVALID.
 */
enum km_ret_pf km_trace_outcome_by_sptes(const struct km_trace_rules *rules,
					 const struct km_trace_event *event);

#endif
