// SPDX-License-Identifier: GPL-2.0-or-later
/* Lines of traces as the tools print them, and what is made of many of them. */
#include "trace/trace_read.h"
#include "trace/trace_line.h"
#include "cm.h"
#include "trace/lines.h"
#include "trace/loops.h"
#include "trace/numbers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum km_trace_line parse(const char *line, struct km_trace_event *e)
{
	bool kernel_base = false;
	uint64_t lost;

	return km_trace_line(line, e, &lost, &kernel_base);
}

static void test_page_fault_as_every_tool_prints_it(void **state)
{
	static const char *const lines[] = {
		/* tracefs; with the thread group; trace-cmd report; perf script */
		("        vmm-beta-134     [001] .....    27.134562: kvm_page_fault: vcpu 3 rip "
		 "0x101d address 0x0000000004000000 error_code 0x100000007"),
		("        vmm-beta-134     (    127) [001] d..2.    27.134562: kvm_page_fault: "
		 "vcpu "
		 "3 rip 0x101d address 0x0000000004000000 error_code 0x100000007"),
		("        vmm-beta-134   [001]    27.134562: kvm_page_fault:       vcpu 3 rip "
		 "0x101d address 0x0000000004000000 error_code 0x100000007"),
		("        vmm-beta-134   [001] .....    27.134562000: kvm_page_fault:       vcpu 3 "
		 "rip 0x101d address 0x0000000004000000 error_code 0x100000007"),
		("vmm-beta   134 [001]    27.134562: kvm:kvm_page_fault: vcpu 3 rip 0x101d address "
		 "0x0000000004000000 error_code 0x100000007"),
		/* perf script -F +pid; trace-cmd report --ts-diff */
		("vmm-beta   127/134 [001]    27.134562: kvm:kvm_page_fault: vcpu 3 rip 0x101d "
		 "address 0x0000000004000000 error_code 0x100000007"),
		("        vmm-beta-134   [001]    27.134562: (+12) kvm_page_fault:       vcpu 3 "
		 "rip 0x101d address 0x0000000004000000 error_code 0x100000007"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct km_trace_event e;

		assert_int_equal(parse(lines[i], &e), KM_LINE_EVENT);
		assert_int_equal(e.kind, KM_TRACE_PAGE_FAULT);
		assert_string_equal(e.comm, "vmm-beta");
		assert_int_equal(e.tid, 134);
		assert_true(e.seconds);
		assert_int_equal(e.time, 27134562000);
		assert_int_equal(e.vcpu, 3);
		assert_true(e.has_rip);
		assert_int_equal(e.rip, 0x101d);
		assert_int_equal(e.address, 0x4000000);
		assert_int_equal(e.error_code, 0x100000007);
	}
}

static void test_fast_page_fault(void **state)
{
	struct km_trace_event e;

	(void)state;
	assert_int_equal(
		parse("     CPU 0/KVM-4711    [000] ...1. 99.000001: fast_page_fault: vcpu 0 "
		      "gva 4000000 error_code P|W|U|0x100000000 sptep 00000000c0ffee00 old "
		      "0xda42e65 new da42e67 spurious 0 fixed 1",
		      &e),
		KM_LINE_EVENT);
	assert_int_equal(e.kind, KM_TRACE_FAST_PAGE_FAULT);
	assert_string_equal(e.comm, "CPU 0/KVM");
	assert_int_equal(e.tid, 4711);
	assert_int_equal(e.address, 0x4000000);
	assert_int_equal(e.error_code, 0x100000007);
	assert_int_equal(e.old_spte, 0xda42e65);
	assert_int_equal(e.new_spte, 0xda42e67);
	assert_true(e.fixed);
	assert_false(e.spurious);
	/* no bit at all, a pointer that is not shown, nothing mapped */
	assert_int_equal(parse("t-1 [000] 1.5: fast_page_fault: vcpu 0 gva 0 error_code  sptep "
			       "(____ptrval____) old 0 new 0 spurious 0 fixed 0",
			       &e),
			 KM_LINE_EVENT);
	assert_int_equal(e.error_code, 0);
	assert_int_equal(e.time, 1500000000);
}

/* The same fields as libtraceevent prints them: first in decimal, since 1.4 as TP_printk() does. */
static void test_raw_fields(void **state)
{
	static const char *const lines[] = {
		"a-1 [000] 1.2: kvm_mmu_set_spte: gfn=33270 spte=567590885 sptep=1 level=1 r=1",
		"a-1 [000] 1.2: kvm_mmu_set_spte: gfn=81f6 spte=21d4bfe5 sptep=1 level=1 r=1"};
	bool kernel_base = false;
	struct km_trace_event e;
	uint64_t lost;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		assert_int_equal(km_trace_line(lines[i], &e, &lost, &kernel_base), KM_LINE_EVENT);
		assert_int_equal(kernel_base, i);
		assert_int_equal(e.gfn, 0x81f6);
		assert_int_equal(e.new_spte, 0x21d4bfe5);
	}
	/* a line that does not show it, in the same file */
	assert_int_equal(
		km_trace_line("a-1 [000] 1.2: kvm_mmu_set_spte: gfn=8150 spte=21 level=2 r=1", &e,
			      &lost, &kernel_base),
		KM_LINE_EVENT);
	assert_int_equal(e.gfn, 0x8150);
	/* flags are decimal in both; a long has "0x" in both */
	assert_int_equal(km_trace_line("a-1 [000] 1.2: fast_page_fault: vcpu_id=0 "
				       "cr2_or_gpa=4000000 error_code=4294967303 sptep=0xffff "
				       "old_spte=0x21 new_spte=21 ret=4",
				       &e, &lost, &kernel_base),
			 KM_LINE_EVENT);
	assert_int_equal(e.address, 0x4000000);
	assert_int_equal(e.error_code, 0x100000007);
	kernel_base = false;
	assert_int_equal(km_trace_line("a-1 [000] 1.2: kvm_page_fault: vcpu_id=0 "
				       "fault_address=0x7c45000 error_code=388",
				       &e, &lost, &kernel_base),
			 KM_LINE_EVENT);
	assert_false(kernel_base);
	assert_int_equal(e.error_code, 0x184);
}

static void test_lines_that_are_no_events(void **state)
{
	static const struct {
		const char *line;
		enum km_trace_line kind;
		uint64_t lost;
	} cases[] = {
		{"", KM_LINE_HARMLESS, 0},
		{"# tracer: nop", KM_LINE_HARMLESS, 0},
		{"cpus=2", KM_LINE_HARMLESS, 0},
		{"CPU:1 [LOST 4711 EVENTS]", KM_LINE_LOST, 4711},
		{"CPU:0 [12 EVENTS DROPPED]", KM_LINE_LOST, 12},
		{"CPU:0 [EVENTS DROPPED]", KM_LINE_LOST, 0},
		{"a-1 [000] ..... 1.2: <stack trace>", KM_LINE_HARMLESS, 0},
		{" => kvm_mmu_page_fault", KM_LINE_HARMLESS, 0},
		{"\tffffffffc0601234 kvm_mmu_page_fault+0x10 ([kvm])", KM_LINE_HARMLESS, 0},
		{"CPU 3 is empty", KM_LINE_HARMLESS, 0},
		{"--", KM_LINE_HARMLESS, 0},
		{"...", KM_LINE_HARMLESS, 0},
		{"$ trace-cmd report", KM_LINE_HARMLESS, 0},
		{"/134 [000] 1.2: kvm_exit: vcpu 0", KM_LINE_NO_FIELDS, 0},
		{"nonsense", KM_LINE_UNNAMED, 0},
		{"I see a kvm_page_fault: it comes again", KM_LINE_UNNAMED, 0},
		{"a-1 [000]", KM_LINE_PARTIAL, 0},
		{"a-1 [000] ", KM_LINE_PARTIAL, 0},
		{"a-1 [000] .....", KM_LINE_PARTIAL, 0},
		{"a-1 [000] ..... 1.2: ", KM_LINE_PARTIAL, 0},
		{"[000] 1.2: kvm_entry: vcpu 0", KM_LINE_EVENT, 0},
		{"a-99999999999 [000] 1.2: kvm_entry: vcpu 0", KM_LINE_EVENT, 0},
		{"a-1 [000] 99999999999999999999.2: kvm_entry: vcpu 0", KM_LINE_EVENT, 0},
		{"a-1 [000] 1.2: kvm_page_fault: vcpu 0 rip 0x1", KM_LINE_NO_FIELDS, 0},
		{"a-1 [000] 1.2: kvm_page_fault: vcpu 0 rip 0x1 address 0x11112222333344445 "
		 "error_code "
		 "0x1",
		 KM_LINE_NO_FIELDS, 0},
		{"a-1 [000] 1.2: fast_page_fault: vcpu 0 gva 0 error_code Q sptep 0 old 0 new 0 "
		 "spurious 0 fixed 0",
		 KM_LINE_NO_FIELDS, 0},
		{"a-1 [000] 1.2: fast_page_fault: vcpu 0 gva 0 error_code P sptep 0 old 0 new 0 "
		 "spurious 1 fixed 1",
		 KM_LINE_NO_FIELDS, 0},
		{"a-1 [000] 1.2: sched_switch: prev_comm=x", KM_LINE_EVENT, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct km_trace_event e;
		bool kernel_base = false;
		uint64_t lost = 0;
		enum km_trace_line kind = km_trace_line(cases[i].line, &e, &lost, &kernel_base);

		if (kind != cases[i].kind)
			fail_msg("\"%s\": %d", cases[i].line, kind);
		if (kind == KM_LINE_LOST)
			assert_int_equal(lost, cases[i].lost);
	}
}

/* --- whole traces --- */

static char *text;
static size_t text_len;
static FILE *out;

static void begin(void)
{
	out = open_memstream(&text, &text_len);
	assert_non_null(out);
}

/* One fault of thread 100 at @us microseconds, and what the fast path made of it. */
static void fault(unsigned us, unsigned long address, unsigned long rip, unsigned long old,
		  bool spurious, bool fixed)
{
	fprintf(out,
		"vmm-100 [000] ..... 5.%06u: kvm_page_fault: vcpu 0 rip 0x%lx address 0x%016lx "
		"error_code 0x100000007\n",
		us, rip, address);
	fprintf(out,
		"vmm-100 [000] ..... 5.%06u: fast_page_fault: vcpu 0 gva %lx error_code P|W|U "
		"sptep "
		"00000000abcdef01 old %#lx new %lx spurious %d fixed %d\n",
		us + 1, address, old, fixed ? old | 2 : old, spurious, fixed);
}

static void read_all(const struct km_trace_rules *rules, struct km_trace *t)
{
	FILE *in;

	fclose(out);
	in = fmemopen(text, text_len ? text_len : 1, "r");
	assert_non_null(in);
	assert_null(km_trace_read(in, rules, NULL, NULL, t));
	fclose(in);
	free(text);
}

static struct km_trace_rules npt_rules(void)
{
	struct km_trace_rules rules = {.count = 1};

	rules.formats[0].masks = km_spte_default_masks(KM_PAGING_NPT, KM_SPTE_7_2);
	km_trace_add_legacy(&rules.formats[0]);
	return rules;
}

#define LOGGED 0xda42e65UL /* without W, MMU-writable */

static void test_a_loop_is_found(void **state)
{
	struct km_trace_rules rules = {0};
	const struct km_trace_tally *in;
	struct km_trace t;

	(void)state;
	begin();
	fault(0, 0x4001000, 0x101d, LOGGED, false, true);
	for (unsigned i = 1; i <= 500; i++)
		fault(i * 50, 0x4000000, 0x101d, LOGGED, true, false);
	read_all(&rules, &t);
	assert_int_equal(t.vcpu_count, 1);
	assert_int_equal(t.vcpus[0]->hot[0].address, 0x4000000);
	assert_int_equal(km_trace_loop(t.vcpus[0], &t.vcpus[0]->hot[0], &in), KM_LOOP_CONTRADICTS);
	assert_int_equal(in->faults, 500);
	assert_in_range((unsigned long)km_trace_rate(&t, in), 19990, 20010);
	assert_int_equal(km_trace_loop(t.vcpus[0], &t.vcpus[0]->hot[1], &in), KM_LOOP_NONE);
	assert_int_equal(t.verdicts[KM_VERDICT_CONTRADICTS], 500);
	assert_int_equal(t.verdicts[KM_VERDICT_NONE], 1);
	km_trace_deinit(&t);
}

/* The same page over and over, but mended each time: dirty logging at work. */
static void test_no_loop_where_all_is_fixed(void **state)
{
	struct km_trace_rules rules = npt_rules();
	const struct km_trace_tally *in;
	struct km_trace t;

	(void)state;
	begin();
	for (unsigned i = 0; i < 500; i++)
		fault(i * 50, 0x4000000, 0x101d, LOGGED, false, true);
	read_all(&rules, &t);
	assert_int_equal(km_trace_loop(t.vcpus[0], &t.vcpus[0]->hot[0], &in), KM_LOOP_NONE);
	assert_int_equal(t.verdicts[KM_VERDICT_FITS], 500);
	km_trace_deinit(&t);
}

/* It was all right for long, then it began to loop. */
static void test_a_stretch_counts(void **state)
{
	struct km_trace_rules rules = {0};
	const struct km_trace_tally *in;
	struct km_trace t;

	(void)state;
	begin();
	for (unsigned i = 0; i < 2000; i++)
		fault(i * 50, i % 2 ? 0x4000000 : 0x4001000, 0x101d, LOGGED, false, true);
	for (unsigned i = 2000; i < 2200; i++)
		fault(i * 50, 0x4000000, 0x101d, LOGGED | 2, true, false);
	read_all(&rules, &t);
	assert_int_equal(km_trace_loop(t.vcpus[0], &t.vcpus[0]->hot[0], &in), KM_LOOP_SPURIOUS);
	assert_int_equal(in->faults, 200);
	km_trace_deinit(&t);
}

static void test_progress_is_no_loop(void **state)
{
	struct km_trace_rules rules = npt_rules();
	const struct km_trace_tally *in;
	struct km_trace t;

	(void)state;
	begin();
	for (unsigned i = 0; i < 10000; i++)
		fault(i * 20, 0x4000000 + i * 4096UL, 0x101d, LOGGED, false, true);
	read_all(&rules, &t);
	for (size_t i = 0; i < t.vcpus[0]->hot_count; i++)
		assert_int_equal(km_trace_loop(t.vcpus[0], &t.vcpus[0]->hot[i], &in), KM_LOOP_NONE);
	assert_int_equal(t.vcpus[0]->hot_count, KM_TRACE_HOT);
	assert_int_equal(t.vcpus[0]->best_progress.faults, 10000);
	assert_int_equal(t.vcpus[0]->all.faults, 10000);
	km_trace_deinit(&t);
}

/* Clocks of another kind than seconds may be anything: no order, and up to 2^63. */
static void test_went_on(void **state)
{
	static struct km_trace trace;
	struct km_trace_vcpu v = {.all.last = 2000};
	struct km_trace_tally t = {.faults = 101, .first = 0, .last = 1000, .has_time = true};

	(void)state;
	assert_true(km_trace_went_on(&trace, &v, &t)); /* 1000 ticks later, faults came each 10 */
	v.all.last = 1050;
	assert_false(km_trace_went_on(&trace, &v, &t));
	t = (struct km_trace_tally){.faults = 2, .first = 0, .last = 1ULL << 62, .has_time = true};
	v.all.last = t.last + 1000;
	assert_false(km_trace_went_on(&trace, &v, &t));
	t = (struct km_trace_tally){.faults = 2, .first = 3000, .last = 1000, .has_time = true};
	v.all.last = 3000;
	assert_true(km_trace_went_on(&trace, &v, &t));
	/* no fault of this vCPU's any more, while the others go on */
	t = (struct km_trace_tally){.faults = 101, .first = 0, .last = 1000, .has_time = true};
	v.all.last = 1000;
	assert_false(km_trace_went_on(&trace, &v, &t));
	trace.last = 1600;
	assert_true(km_trace_went_on(&trace, &v, &t));
}

static bool stop_at_once(void *ctx, uint64_t bytes)
{
	assert_true(bytes);
	++*(unsigned *)ctx;
	return false;
}

/* A line without an end is one line, and Ctrl-C gets through to who reads it. */
static void test_endless_line(void **state)
{
	struct km_trace_rules rules = {0};
	struct km_trace t;
	unsigned asked = 0;
	km_error *err;
	FILE *in;

	(void)state;
	begin();
	for (unsigned i = 0; i < 9000; i++)
		fputs("no_line_break in 0x12 it", out);
	fputs("\nvmm-1 [000] ..... 1.2: sched_switch: x\n", out);
	read_all(&rules, &t);
	assert_int_equal(t.lines, 2);
	assert_int_equal(t.odd, 1);
	km_trace_deinit(&t);
	begin();
	for (unsigned i = 0; i < 0x3000; i++)
		fputs("x\n", out);
	fclose(out);
	in = fmemopen(text, text_len, "r");
	err = km_trace_read(in, &rules, stop_at_once, &asked, &t);
	assert_int_equal(km_error_code(err), KM_EINTR);
	assert_int_equal(asked, 1);
	km_error_free(err);
	km_trace_deinit(&t);
	fclose(in);
	free(text);
}

static struct km_trace_event event(uint64_t error_code, uint64_t old, uint64_t new, bool spurious,
				   bool fixed)
{
	return (struct km_trace_event){
		.kind = KM_TRACE_FAST_PAGE_FAULT,
		.error_code = error_code,
		.old_spte = old,
		.new_spte = new,
		.spurious = spurious,
		.fixed = fixed,
	};
}

static void test_verdicts(void **state)
{
	struct km_trace_rules rules = npt_rules(), none = {0};
	struct km_trace_event e;

	(void)state;
#define JUDGE(...) (e = event(__VA_ARGS__), km_trace_judge(&rules, &e))
	assert_int_equal(JUDGE(7, LOGGED, LOGGED | 2, false, true), KM_VERDICT_FITS);
	assert_int_equal(JUDGE(7, LOGGED | 2, LOGGED | 2, true, false), KM_VERDICT_FITS);
	/* the new SPTE is read again: somebody zapped it meanwhile */
	assert_int_equal(JUDGE(7, LOGGED, 1ULL << 63, false, true), KM_VERDICT_RACE);
	/* a huge page in a dirty-logged slot; a table */
	assert_int_equal(JUDGE(7, LOGGED | 0x80, LOGGED | 0x80, false, false),
			 KM_VERDICT_FITS_ABOVE);
	assert_int_equal(JUDGE(7, 0x827, 0x827, false, false), KM_VERDICT_FITS_ABOVE);
	assert_int_equal(JUDGE(7, LOGGED, LOGGED, true, false), KM_VERDICT_CONTRADICTS);
	/* fixed without anything that could be fixed */
	assert_int_equal(JUDGE(7, LOGGED & ~0x600UL, LOGGED & ~0x600UL, false, true),
			 KM_VERDICT_DIFFERS);
	/* the fast path is not tried for a read of a present page */
	assert_int_equal(JUDGE(5, LOGGED, LOGGED, true, false), KM_VERDICT_DIFFERS);
	e = event(7, LOGGED, LOGGED, true, false);
	assert_int_equal(km_trace_judge(&none, &e), KM_VERDICT_CONTRADICTS);
	e = event(7, LOGGED, LOGGED | 2, false, true);
	assert_int_equal(km_trace_judge(&none, &e), KM_VERDICT_NONE);
#undef JUDGE
}

/* What a line is after mail programs and web pages had it. */
static void test_lines_are_cleaned(void **state)
{
	static const char text[] =
		"> > CPU 0/KVM-1\xc2\xa0 [000]\xef\xbf\xbd 1.5: kvm_entry: vcpu 0\r\n"
		"&lt;...&gt;-7 &amp; \x1b[1;32mgreen\x1b[0m\n"
		"val=3D7 and a line that goes on beyond what quoted-printable allows i=\n"
		"n one\n"
		"ends with a NUL\0 and more  \n"
		"no end";
	static const char *const wanted[] = {
		"CPU 0/KVM-1  [000]  1.5: kvm_entry: vcpu 0",
		"<...>-7 & green",
		"val=7 and a line that goes on beyond what quoted-printable allows in one",
		"ends with a NUL  and more",
		"no end",
	};
	struct km_lines *lines = calloc(1, sizeof(*lines));
	struct km_line *line = calloc(1, sizeof(*line));
	FILE *in = fmemopen((void *)text, sizeof(text) - 1, "r");

	(void)state;
	km_lines_init(lines, in);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		assert_true(km_lines_read(lines, line));
		assert_string_equal(line->text, wanted[i]);
		assert_int_equal(line->len, strlen(wanted[i]));
	}
	assert_false(km_lines_read(lines, line));
	assert_int_equal(lines->lines, 6);
	fclose(in);
	free(lines);
	free(line);
}

/* kvm_emulate_insn is printed before an attempt and once more if it failed. */
static void test_a_failed_attempt_is_no_emulation(void **state)
{
	struct km_trace_rules rules = {0};
	const struct km_trace_tally *in;
	struct km_trace t;

	(void)state;
	begin();
	for (unsigned i = 0; i < 5; i++)
		fprintf(out,
			"v-1 [000] ..... 5.%06u: kvm_page_fault: vcpu 0 rip 0x1 address 0xe78 "
			"error_code 0x1aa\n"
			"v-1 [000] ..... 5.%06u: kvm_emulate_insn: 0:1:f4 (prot32)\n"
			"v-1 [000] ..... 5.%06u: kvm_emulate_insn: 0:1:f4 (prot32)%s\n",
			10 * i, 10 * i + 1, 10 * i + 2, i < 4 ? " failed" : "");
	read_all(&rules, &t);
	assert_int_equal(t.vcpus[0]->all.n[KM_OUTCOME_EMULATE_FAILED], 4);
	assert_int_equal(t.vcpus[0]->all.n[KM_OUTCOME_EMULATED], 2);
	assert_int_equal(km_trace_loop(t.vcpus[0], &t.vcpus[0]->hot[0], &in),
			 KM_LOOP_EMULATE_FAILED);
	assert_int_equal(in->faults, 4);
	km_trace_deinit(&t);
}

static void test_readings_of_numbers(void **state)
{
	static const struct {
		uint64_t value;
		int values;
		bool ept;
		enum km_reading reading;
		bool sure;
	} cases[] = {
		{0x184, 1, false, KM_READ_EPT, true},
		{0x683, 1, false, KM_READ_EPT, true},
		{0xf82, 1, false, KM_READ_EPT, true},
		{0x7, 1, false, KM_READ_PFERR, false},
		{0x3, 1, true, KM_READ_EPT, false},
		{0x100000007, 1, true, KM_READ_PFERR, true},
		{0x80000306, 1, false, KM_READ_IDT, true},
		{0x80000b0e, 1, false, KM_READ_IDT, true},
		/* vector 7 is no external interrupt: bit 31 is the RMP's */
		{0x80000007, 1, false, KM_READ_PFERR, false},
		{0x400, 3, false, KM_READ_SVM, true},
		{0x8000020000000092, 1, false, KM_READ_TDX, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *why;
		bool sure;

		assert_int_equal(km_guess_reading(cases[i].value, cases[i].values, cases[i].ept,
						  &why, &sure),
				 cases[i].reading);
		assert_int_equal(sure, cases[i].sure);
	}
}

/* What is not an exit qualification, and what is not interruption info. */
static void test_readings_that_are_refused(void **state)
{
	(void)state;
	assert_non_null(km_reading_objection(KM_READ_EPT, 0x80000306));
	assert_non_null(km_reading_objection(KM_READ_EPT, KM_BIT(17)));
	assert_null(km_reading_objection(KM_READ_EPT, KM_BIT(17) - 1));
	assert_non_null(km_reading_objection(KM_READ_IDT, KM_BIT(32)));
	assert_non_null(km_reading_objection(KM_READ_IDT, KM_BIT(31) | KM_BIT(30)));
	assert_non_null(km_reading_objection(KM_READ_IDT, KM_BIT(31) | KM_BIT(13)));
	assert_null(km_reading_objection(KM_READ_IDT, KM_BIT(31) | 0x1fff));
	assert_null(km_reading_objection(KM_READ_PFERR, UINT64_MAX));
	assert_null(km_reading_objection(KM_READ_SVM, UINT64_MAX));
	assert_null(km_reading_objection(KM_READ_TDX, UINT64_MAX));
}

/* Which kernels can have made an SPTE: values of real kernels and of public reports. */
static void test_formats_of_sptes(void **state)
{
	static const struct {
		uint64_t spte;
		int level;
		unsigned fits;
	} cases[] = {
		{0x61000034d40e877, 1, 1u << KM_FIT_EPT_6_1},
		{0x861000034d40e877, 1, 1u << KM_FIT_EPT_6_12},
		{0x90a0000003a00f75, 1, 1u << KM_FIT_EPT_7_2}, /* intel-7.3-ept-no-ad-bits */
		{0x9000000000b53c07, 4, 1u << KM_FIT_EPT_7_2},
		{0x84c236107, 4, 1u << KM_FIT_EPT_4_18 | 1u << KM_FIT_EPT_5_10},
		/* bit 9 is host-writable since 5.13 */
		{0x000000000d19ce65, 1, 1u << KM_FIT_NPT_6_1 | 1u << KM_FIT_NPT_7_2},
		{0x12345c67, 1, 1u << KM_FIT_NPT_4_18 | 1u << KM_FIT_NPT_5_10},
		{0x2b0a827, 4, 1u << KM_FIT_NPT_6_1 | 1u << KM_FIT_NPT_7_2},
		{0x8000000000000000, 1, KM_FIT_ALL},
		{0x5a0, 1, KM_FIT_ALL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned fits = km_fit_formats(cases[i].spte, cases[i].level);

		if (fits != cases[i].fits)
			fail_msg("0x%lx: %x", (unsigned long)cases[i].spte, fits);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_page_fault_as_every_tool_prints_it),
		cmocka_unit_test(test_fast_page_fault),
		cmocka_unit_test(test_raw_fields),
		cmocka_unit_test(test_lines_that_are_no_events),
		cmocka_unit_test(test_a_loop_is_found),
		cmocka_unit_test(test_no_loop_where_all_is_fixed),
		cmocka_unit_test(test_a_stretch_counts),
		cmocka_unit_test(test_progress_is_no_loop),
		cmocka_unit_test(test_went_on),
		cmocka_unit_test(test_endless_line),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_lines_are_cleaned),
		cmocka_unit_test(test_a_failed_attempt_is_no_emulation),
		cmocka_unit_test(test_readings_of_numbers),
		cmocka_unit_test(test_readings_that_are_refused),
		cmocka_unit_test(test_formats_of_sptes),
	};

	return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
