// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/describe_trace.h"

#include <inttypes.h>

#define MOST 5 /* of six: this share of all faults, or more */

/* The tools whose counts these are: "bpftrace, perf stat". */
static const char *tools(struct km_node *node, const struct km_counts *counts)
{
	const char *text = "";

	for (int by = 0; by < KM_COUNTED_BY; by++) {
		bool any = false;

		for (size_t i = 0; i < counts->count; i++)
			any = any || counts->kept[i].by == (enum km_counted_by)by;
		if (any)
			text = km_doc_text(node, "%s%s%s", text, *text ? ", " : "",
					   km_counted_by_name((enum km_counted_by)by));
	}
	return text;
}

/* What KVM's statistics show about spurious faults. */
static void note_spurious(struct km_node *root, const struct km_counts *counts)
{
	uint64_t taken = km_counts_of(counts, "pf_taken");
	uint64_t spurious = km_counts_of(counts, "pf_spurious");

	if (taken < 100 || spurious > taken || spurious < taken / (MOST + 1) * MOST)
		return;
	km_doc_note(root,
		    "pf_spurious is %.1f%% of pf_taken: KVM changes nothing for almost all faults, "
		    "because it finds that the SPTE allows the access. A trace of "
		    "kvmmmu:fast_page_fault, or \"explain\" on a dump or the live host, shows "
		    "which vCPU, which address, and why",
		    (double)spurious * 100 / (double)taken);
}

void km_describe_trace_counts(struct km_node *root, const struct km_counts *counts)
{
	struct km_node *table = counts->count ? km_doc_table(root, "counts", NULL) : NULL;

	km_doc_column(table, "by", "COUNTED BY", false);
	km_doc_column(table, "count", "COUNT", true);
	km_doc_column(table, "key", "OF", false);
	km_doc_column(table, "means", "IS", false);
	for (size_t i = 0; i < counts->count; i++) {
		const struct km_count *count = &counts->kept[i];
		char buf[200];
		const char *means = km_count_meaning(counts, count, buf, sizeof(buf));
		struct km_node *row = km_doc_row(table);

		km_doc_cell(row, "by", km_v_text(km_counted_by_name(count->by)));
		km_doc_cell(row, "count", km_v_dec(count->count));
		km_doc_cell(row, "key", km_v_text(km_doc_text(table, "%s", count->key)));
		km_doc_cell(row, "means",
			    means ? km_v_text(km_doc_text(table, "%s", means)) : km_v_none("-"));
	}
	if (!counts->lines)
		return;
	km_doc_note(root,
		    "%" PRIu64 " count%s of events (%s): they show how often, but not when, on "
		    "which vCPU, or with what result; for that, record the events themselves: "
		    "trace-cmd record -e kvm -e kvmmmu",
		    counts->lines, counts->lines == 1 ? "" : "s", tools(root, counts));
	if (counts->lines > counts->count && counts->count == KM_COUNTS)
		km_doc_note(root, "the %d highest counts are shown", KM_COUNTS);
	note_spurious(root, counts);
}
