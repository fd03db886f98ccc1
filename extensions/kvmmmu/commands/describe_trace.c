// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/describe_trace.h"

#include "trace/numbers.h"
#include "trace/trace_line.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_FAULTS 12
#define SHOWN_VCPUS  32
#define OFTEN	     10 /* rarer ones are shown only if there are few */
#define FEW	     6

struct km_value km_trace_time(struct km_node *node, const struct km_trace *t, uint64_t time)
{
	if (!t->seconds)
		return km_v_dec(time);
	return km_v_text(km_doc_text(node, "%" PRIu64 ".%06" PRIu64, time / 1000000000,
				     time % 1000000000 / 1000));
}

struct km_value km_trace_vcpu_id(const struct km_trace_vcpu *v)
{
	return v->vcpu < 0 ? km_v_none("?") : km_v_dec((uint64_t)v->vcpu);
}

static struct km_value thread_id(const struct km_trace_vcpu *v)
{
	return v->has_tid ? km_v_dec(v->tid) : km_v_none("?");
}

static struct km_value rate(struct km_node *node, const struct km_trace *t,
			    const struct km_trace_tally *tally)
{
	double r = km_trace_rate(t, tally);

	return r ? km_v_text(km_doc_text(node, "%.0f", r)) : km_v_none("-");
}

/* --- what was read --- */

static const char *expected_form(struct km_node *node, const struct km_trace *t)
{
	const char *fields = km_trace_wanted_fields(t->first_odd_kind);

	if (!fields)
		return "an event of KVM with its name and a colon, name=value pairs of a fault or "
		       "SPTE, or a message of KVM";
	return km_doc_text(node, "%s after the event's name; was the line cut off?", fields);
}

static void describe_first_odd(struct km_node *node, const struct km_trace *t)
{
	struct km_node *first = km_doc_section(node, "first_not_understood", NULL);

	km_doc_machine_only(first);
	km_doc_field(first, "line", NULL, km_v_dec(t->first_odd));
	km_doc_field(first, "text", NULL, km_v_text(km_doc_text(first, "%s", t->first_odd_text)));
	km_doc_field(first, "expected", NULL, km_v_text(expected_form(node, t)));
}

/* "3 of kvm_page_fault, 2 of fast_page_fault" */
static const char *odd_events(struct km_node *node, const struct km_trace *t)
{
	static const char *const names[KM_TRACE_KINDS] = {
		[KM_TRACE_PAGE_FAULT] = "kvm_page_fault",
		[KM_TRACE_FAST_PAGE_FAULT] = "fast_page_fault",
		[KM_TRACE_EXIT] = "kvm_exit",
		[KM_TRACE_NESTED_EXIT] = "kvm_nested_vmexit",
		[KM_TRACE_REQUESTED] = "kvm_mmu_spte_requested",
		[KM_TRACE_SET_SPTE] = "kvm_mmu_set_spte",
		[KM_TRACE_SPTE_CHANGED] = "kvm_tdp_mmu_spte_changed",
		[KM_TRACE_USERSPACE_EXIT] = "kvm_userspace_exit",
	};
	const char *text = "";

	for (size_t i = 0; i < KM_TRACE_KINDS; i++) {
		if (names[i] && t->odd_events[i])
			text = km_doc_text(node, "%s%s%" PRIu64 " of %s", text, *text ? ", " : "",
					   t->odd_events[i], names[i]);
	}
	return *text ? km_doc_text(node, " (%s)", text) : "";
}

static void note_odd(struct km_node *root, struct km_node *node, const struct km_trace *t)
{
	if (!t->odd)
		return;
	describe_first_odd(node, t);
	km_doc_note(root,
		    "%" PRIu64 " line%s not understood%s; the first is line %" PRIu64
		    ": \"%s\"; expected: %s",
		    t->odd, t->odd == 1 ? " was" : "s were", odd_events(root, t), t->first_odd,
		    t->first_odd_text, expected_form(root, t));
}

static uint64_t emulations(const struct km_trace *t)
{
	uint64_t all = t->events[KM_TRACE_EMULATE_INSN] + t->events[KM_TRACE_MMIO] +
		       t->events[KM_TRACE_EMULATED];

	/* each failure is printed twice: as an attempt, and as its end */
	return all > 2 * t->failed_attempts ? all - 2 * t->failed_attempts : 0;
}

static void describe_counts(struct km_node *node, const struct km_trace *t)
{
	km_doc_field(node, "lines", "lines", km_v_dec(t->lines));
	km_doc_field(node, "page_faults", "kvm_page_fault",
		     km_v_dec(t->events[KM_TRACE_PAGE_FAULT]));
	km_doc_field(node, "fast_page_faults", "fast_page_fault",
		     km_v_dec(t->events[KM_TRACE_FAST_PAGE_FAULT]));
	km_doc_field(node, "exits", "kvm_exit", km_v_dec(t->events[KM_TRACE_EXIT]));
	km_doc_field(node, "set_sptes", NULL, km_v_dec(t->events[KM_TRACE_SET_SPTE]));
	km_doc_field(node, "emulated", NULL, km_v_dec(emulations(t)));
	km_doc_field(node, "emulations_failed", NULL, km_v_dec(t->failed_attempts));
	km_doc_field(node, "spte_changes",
		     t->events[KM_TRACE_SPTE_CHANGED] ? "kvm_tdp_mmu_spte_changed" : NULL,
		     km_v_dec(t->events[KM_TRACE_SPTE_CHANGED]));
	km_doc_field(node, "zaps", NULL, km_v_dec(t->events[KM_TRACE_ZAP]));
	km_doc_field(node, "userspace_exits", NULL, km_v_dec(t->events[KM_TRACE_USERSPACE_EXIT]));
	km_doc_field(node, "nested_exits", NULL, km_v_dec(t->events[KM_TRACE_NESTED_EXIT]));
	km_doc_field(node, "log_messages", NULL, km_v_dec(t->log.count + t->log.more));
}

static void describe_pages(struct km_node *root, struct km_node *node, const struct km_trace *t)
{
	uint64_t faults = km_trace_faults(t);
	double each = t->pages ? (double)faults / (double)t->pages : 0;

	km_doc_field(node, "distinct_pages", NULL, km_v_dec(t->pages));
	km_doc_field(node, "faults_per_page", NULL,
		     t->pages ? km_v_text(km_doc_text(node, "%.2f", each)) : km_v_none("-"));
	if (faults >= KM_LOOP_FAULTS && t->pages > 1)
		km_doc_note(root,
			    "%" PRIu64 " faults at %" PRIu64
			    " different pages: %.2f faults per page",
			    faults, t->pages, each);
}

/* Why one format is excluded: "SPTE 0x6000001c6e00b77: that KVM never sets bits 57 and 58" */
static const char *exclusion(struct km_node *node, const struct km_trace_format *f)
{
	if (!f->excluded)
		return NULL;
	if (!f->excluding_spte)
		return "the exits are those of the other vendor";
	return km_doc_text(node, "SPTE 0x%" PRIx64 ": that KVM %s", f->excluding_spte, f->why);
}

static bool same_exclusion(const struct km_trace_format *a, const struct km_trace_format *b)
{
	return b->excluded && a->excluding_spte == b->excluding_spte && !strcmp(a->why, b->why);
}

/* "; SPTE 0x... excludes ept:5.10, ept:7.2: that KVM never sets bit 57"; "" if no SPTE does */
static const char *exclusions(struct km_node *node, const struct km_trace_rules *rules)
{
	const char *text = "";

	for (size_t i = 0; i < rules->count; i++) {
		const struct km_trace_format *f = &rules->formats[i];
		const char *names = "";
		bool told = !f->excluded || !f->excluding_spte;

		for (size_t j = 0; j < i && !told; j++)
			told = same_exclusion(f, &rules->formats[j]);
		for (size_t j = i; j < rules->count && !told; j++) {
			if (same_exclusion(f, &rules->formats[j]))
				names = km_doc_text(node, "%s%s%s", names, *names ? ", " : "",
						    km_fit_format(rules->formats[j].fit)->name);
		}
		if (!told)
			text = km_doc_text(node, "%s; SPTE 0x%" PRIx64 " rules out %s: that KVM %s",
					   text, f->excluding_spte, names, f->why);
	}
	return text;
}

static void describe_formats(struct km_node *root, const struct km_trace *t)
{
	struct km_node *table = km_doc_table(root, "formats", NULL);
	const char *fits = "", *excluded = exclusions(root, &t->rules);

	km_doc_machine_only(table);
	km_doc_column(table, "format", NULL, false);
	km_doc_column(table, "kernels", NULL, false);
	km_doc_column(table, "fits", NULL, false);
	km_doc_column(table, "excluded_by", NULL, false);
	for (size_t i = 0; i < t->rules.count; i++) {
		const struct km_trace_format *f = &t->rules.formats[i];
		const struct km_fit_format *as = km_fit_format(f->fit);
		struct km_node *row = km_doc_row(table);

		km_doc_cell(row, "format", km_v_text(as->name));
		km_doc_cell(row, "kernels", km_v_text(as->kernels));
		km_doc_cell(row, "fits", km_v_bool(!f->excluded));
		km_doc_cell(row, "excluded_by", km_v_text(exclusion(root, f)));
		if (!f->excluded)
			fits = km_doc_text(root, "%s%s%s (KVM %s)", fits, *fits ? ", " : "",
					   as->name, as->kernels);
	}
	if (*excluded)
		km_doc_note(root, "format of the SPTEs: %s%s", fits, excluded);
	else if (t->events[KM_TRACE_FAST_PAGE_FAULT])
		km_doc_note(root, "this trace does not show the format of the SPTEs: every format "
				  "is tried unless --as (such as ept, npt or shadow:6.1) or a dump "
				  "of that kernel is given");
}

void km_describe_trace(struct km_node *root, const struct km_trace *t, const char *name)
{
	struct km_node *node = km_doc_compact(root, "trace", km_doc_text(root, "trace %s", name));

	km_doc_field(node, "file", NULL, km_v_text(name));
	describe_counts(node, t);
	if (t->has_time) {
		km_doc_field(node, "first", NULL, km_trace_time(node, t, t->first));
		km_doc_field(node, "last", NULL, km_trace_time(node, t, t->last));
		km_doc_field(node, NULL, "from", km_trace_time(node, t, t->first));
		km_doc_field(node, NULL, "to", km_trace_time(node, t, t->last));
	}
	km_doc_field(node, "not_understood", NULL, km_v_dec(t->odd));
	km_doc_field(node, "harmless", NULL, km_v_dec(t->harmless));
	km_doc_field(node, "lost_events", NULL, km_v_dec(t->lost_events));
	km_doc_field(node, "lost_places", NULL, km_v_dec(t->lost_places));
	km_doc_field(node, "outcome_lost", NULL, km_v_bool(t->outcome_lost));
	describe_pages(root, node, t);
	note_odd(root, node, t);
	if (t->lost_places)
		km_doc_note(root,
			    "the tracer lost events in %" PRIu64 " place%s (it counted %" PRIu64
			    "): what was fixed there is not visible",
			    t->lost_places, t->lost_places == 1 ? "" : "s", t->lost_events);
	if (t->crowded)
		km_doc_note(root, "%" PRIu64 " events of threads after the first %d are left out",
			    t->crowded, KM_TRACE_THREADS);
	if (t->rules.inferred && km_trace_faults(t))
		describe_formats(root, t);
}

/* --- verdicts --- */

static const char *outcome_of(const struct km_trace_event *e)
{
	if (e->spurious)
		return "treated as spurious";
	return e->fixed ? "fixed" : "left to the slow path";
}

void km_describe_verdicts(struct km_node *root, const struct km_trace *t)
{
	static const struct {
		const char *key, *label;
	} names[KM_VERDICTS] = {
		[KM_VERDICT_FITS] = {"fits", "as the rule predicts"},
		[KM_VERDICT_FITS_ABOVE] = {"fits_above_4k", "as the rule predicts if above 4K"},
		[KM_VERDICT_RACE] = {"raced", "raced"},
		[KM_VERDICT_DIFFERS] = {"differs", "otherwise"},
		[KM_VERDICT_CONTRADICTS] = {"contradicts", "contradicts the SPTE"},
		[KM_VERDICT_NONE] = {"not_judged", "not checked"},
	};
	struct km_node *node;
	char spelled[128];

	if (!t->events[KM_TRACE_FAST_PAGE_FAULT])
		return;
	if (t->outcome_lost)
		km_doc_note(root,
			    "spurious and fixed are 0 in every fast_page_fault event, although the "
			    "new SPTEs are those that the fast path writes: perf script and "
			    "trace-cmd print 0 for kernels that do not export RET_PF_* (before "
			    "5.14 or 5.15); the results are derived from the SPTEs instead");
	node = km_doc_compact(root, "judged", "fast_page_fault events:");
	for (size_t i = 0; i < KM_VERDICTS; i++)
		km_doc_field(node, names[i].key, t->verdicts[i] ? names[i].label : NULL,
			     km_v_dec(t->verdicts[i]));
	for (size_t i = 0; i < t->odd_count && !t->outcome_lost; i++) {
		const struct km_trace_event *e = &t->odd_ones[i];

		km_doc_note(root,
			    "%s: %s at 0x%" PRIx64 " in SPTE 0x%" PRIx64
			    " was %s (new SPTE 0x%" PRIx64 ")",
			    t->odd_verdicts[i] == KM_VERDICT_DIFFERS ? "otherwise"
								     : "contradicts the SPTE",
			    km_pferr_spell(e->error_code, spelled, sizeof(spelled)), e->address,
			    e->old_spte, outcome_of(e), e->new_spte);
	}
}

/* --- vCPUs --- */

static uint64_t emulated(const struct km_trace_tally *tally)
{
	const uint32_t *n = tally->n;

	return n[KM_OUTCOME_EMULATED] > n[KM_OUTCOME_MMIO] ? n[KM_OUTCOME_EMULATED]
							   : n[KM_OUTCOME_MMIO];
}

/* The columns of outcomes; text has only those with a number above 0. */
static const struct outcome_column {
	const char *key, *header;
	bool always;
	enum km_outcome outcome; /* KM_OUTCOMES: emulated() */
} outcome_columns[] = {
	{"spurious", "SPURIOUS", true, KM_OUTCOME_SPURIOUS},
	{"fixed", "FIXED", true, KM_OUTCOME_FIXED},
	{"slow", "SLOW", true, KM_OUTCOME_SLOW},
	{"set_sptes", "SET", true, KM_OUTCOME_SET_SPTE},
	{"emulated", "EMULATED", true, KM_OUTCOMES},
	{"emulate_failed", "FAILED", false, KM_OUTCOME_EMULATE_FAILED},
	{"requested", "ASKED", false, KM_OUTCOME_REQUESTED},
	{"zapped", "ZAPPED", false, KM_OUTCOME_ZAPPED},
	{"injected", "INJECTED", false, KM_OUTCOME_INJECTED},
	{"user_errors", "ERRORS", false, KM_OUTCOME_USER_ERROR},
	{"memory_faults", "MEMORY", false, KM_OUTCOME_MEMORY_FAULT},
	{"user_mmio", NULL, false, KM_OUTCOME_USER_MMIO},
	{"vectored", NULL, false, KM_OUTCOME_VECTORED},
};

#define OUTCOME_COLUMNS (sizeof(outcome_columns) / sizeof(outcome_columns[0]))

static uint64_t outcome(const struct km_trace_tally *tally, const struct outcome_column *column)
{
	return column->outcome == KM_OUTCOMES ? emulated(tally) : tally->n[column->outcome];
}

static void outcome_headers(struct km_node *table, const struct km_trace *t)
{
	for (size_t c = 0; c < OUTCOME_COLUMNS; c++) {
		const struct outcome_column *column = &outcome_columns[c];
		bool any = column->always;

		for (size_t i = 0; i < t->vcpu_count; i++)
			any = any || outcome(&t->vcpus[i]->all, column);
		km_doc_column(table, column->key, any ? column->header : NULL, true);
	}
}

static void outcome_cells(struct km_node *row, const struct km_trace_tally *tally)
{
	for (size_t c = 0; c < OUTCOME_COLUMNS; c++)
		km_doc_cell(row, outcome_columns[c].key,
			    km_v_dec(outcome(tally, &outcome_columns[c])));
}

void km_describe_trace_vcpus(struct km_node *root, const struct km_trace *t)
{
	struct km_node *table = km_doc_table(root, "vcpus", NULL);

	km_doc_column(table, "tid", "THREAD", true);
	km_doc_column(table, "comm", "TASK", false);
	km_doc_column(table, "vcpu", "VCPU", true);
	km_doc_column(table, "faults", "FAULTS", true);
	km_doc_column(table, "faults_per_second", "PER S", true);
	outcome_headers(table, t);
	km_doc_column(table, "exits", "EXITS", true);
	for (size_t i = 0; i < t->vcpu_count && i < SHOWN_VCPUS; i++) {
		const struct km_trace_vcpu *v = t->vcpus[i];
		struct km_node *row = km_doc_row(table);

		km_doc_cell(row, "tid", thread_id(v));
		km_doc_cell(row, "comm",
			    *v->comm ? km_v_text(km_doc_text(root, "%s", v->comm))
				     : km_v_none("?"));
		km_doc_cell(row, "vcpu", km_trace_vcpu_id(v));
		km_doc_cell(row, "faults", km_v_dec(v->all.faults));
		km_doc_cell(row, "faults_per_second", rate(root, t, &v->all));
		outcome_cells(row, &v->all);
		km_doc_cell(row, "exits", km_v_dec(v->events[KM_TRACE_EXIT]));
	}
	if (t->vcpu_count > SHOWN_VCPUS)
		km_doc_note(root, "%zu more threads", t->vcpu_count - SHOWN_VCPUS);
}

/* --- faults --- */

const char *km_trace_error_code(struct km_node *node, const struct km_trace_fault *f)
{
	char spelled[128];

	if (f->has_pferr)
		return km_doc_text(node, "%s", km_pferr_spell(f->pferr, spelled, sizeof(spelled)));
	if (f->misconfig)
		return "EPT_MISCONFIG";
	if (!f->has_error_code)
		return "-";
	if (f->amd)
		return km_doc_text(node, "%s",
				   km_pferr_spell(f->error_code, spelled, sizeof(spelled)));
	return km_doc_text(node, "0x%" PRIx64, f->error_code);
}

/* The meaning of the number, where it is not spelled out already. */
static const char *meaning(struct km_node *node, const struct km_trace_fault *f)
{
	char spelled[256];

	if (!f->has_error_code)
		return NULL;
	if (f->qualification)
		return km_doc_text(
			node, "%s",
			km_ept_qualification_spell(f->error_code, spelled, sizeof(spelled)));
	return km_doc_text(node, "%s", km_pferr_spell(f->error_code, spelled, sizeof(spelled)));
}

/* A fault and its vCPU. */
struct seen {
	const struct km_trace_vcpu *v;
	const struct km_trace_fault *f;
};

static int more_often(const void *a, const void *b)
{
	const struct seen *sa = a, *sb = b;

	return (sa->f->all.faults < sb->f->all.faults) - (sa->f->all.faults > sb->f->all.faults);
}

static void fault_columns(struct km_node *table, const struct km_trace *t)
{
	km_doc_column(table, "tid", "THREAD", true);
	km_doc_column(table, "vcpu", "VCPU", true);
	km_doc_column(table, "address", "ADDRESS", false);
	km_doc_column(table, "error_code", "ERROR CODE", false);
	km_doc_column(table, "rip", "RIP", false);
	km_doc_column(table, "faults", "TIMES", true);
	for (size_t c = 0; c < OUTCOME_COLUMNS; c++)
		km_doc_column(table, outcome_columns[c].key,
			      c < 3 && t->events[KM_TRACE_FAST_PAGE_FAULT]
				      ? outcome_columns[c].header
				      : NULL,
			      true);
	km_doc_column(table, "old_spte", t->events[KM_TRACE_FAST_PAGE_FAULT] ? "LAST SPTE" : NULL,
		      false);
	km_doc_column(table, "new_spte", NULL, false);
	km_doc_column(table, "raw_error_code", NULL, false);
	km_doc_column(table, "meaning", NULL, false);
	km_doc_column(table, "loop", NULL, false);
}

static struct km_value address(const struct km_trace_fault *f)
{
	if (f->has_address)
		return km_v_hex(f->address);
	return f->has_mmio_address ? km_v_hex(f->mmio_address) : km_v_none("?");
}

static void fault_row(struct km_node *table, const struct seen *s)
{
	const struct km_trace_fault *f = s->f;
	struct km_node *row = km_doc_row(table);
	const struct km_trace_tally *in;
	enum km_trace_loop loop = km_trace_loop(s->v, f, &in);

	km_doc_cell(row, "tid", thread_id(s->v));
	km_doc_cell(row, "vcpu", km_trace_vcpu_id(s->v));
	km_doc_cell(row, "address", address(f));
	km_doc_cell(row, "error_code", km_v_text(km_trace_error_code(table, f)));
	km_doc_cell(row, "rip", f->has_rip ? km_v_hex(f->rip) : km_v_none("?"));
	km_doc_cell(row, "faults", km_v_dec(f->all.faults));
	outcome_cells(row, &f->all);
	km_doc_cell(row, "old_spte", f->has_pferr ? km_v_hex(f->old_spte) : km_v_none("-"));
	km_doc_cell(row, "new_spte", f->has_pferr ? km_v_hex(f->new_spte) : km_v_none("-"));
	km_doc_cell(row, "raw_error_code",
		    f->has_error_code ? km_v_hex(f->error_code) : km_v_none("-"));
	km_doc_cell(row, "meaning", km_v_text(meaning(table, f)));
	km_doc_cell(row, "loop", km_v_text(loop == KM_LOOP_MMIO ? NULL : km_loop_id(loop)));
}

/* The meaning of each number among the faults shown, once. */
static void note_meanings(struct km_node *root, const struct seen *seen, size_t shown)
{
	for (size_t i = 0; i < shown; i++) {
		const struct km_trace_fault *f = seen[i].f;
		bool told = !f->has_error_code || f->amd;

		for (size_t j = 0; j < i; j++)
			told = told || (seen[j].f->has_error_code &&
					seen[j].f->error_code == f->error_code);
		if (!told)
			km_doc_note(root, "%s 0x%" PRIx64 ": %s",
				    f->qualification ? "exit qualification" : "error code",
				    f->error_code, meaning(root, f));
	}
}

km_error *km_describe_trace_faults(struct km_node *root, const struct km_trace *t)
{
	struct seen *seen = calloc(t->vcpu_count * KM_TRACE_HOT + 1, sizeof(*seen));
	struct km_node *table;
	size_t count = 0, shown = 0;

	if (!seen)
		return km_errorf(KM_ENOMEM, "out of memory");
	for (size_t i = 0; i < t->vcpu_count; i++) {
		for (size_t j = 0; j < t->vcpus[i]->hot_count; j++)
			seen[count++] = (struct seen){t->vcpus[i], &t->vcpus[i]->hot[j]};
	}
	qsort(seen, count, sizeof(*seen), more_often);
	table = count ? km_doc_table(root, "faults", NULL) : NULL;
	fault_columns(table, t);
	for (; shown < count && shown < SHOWN_FAULTS; shown++) {
		if (seen[shown].f->all.faults < OFTEN && shown >= FEW)
			break;
		fault_row(table, &seen[shown]);
	}
	note_meanings(root, seen, shown);
	free(seen);
	return NULL;
}
