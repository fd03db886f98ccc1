// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu replay TRACE: the faults of a trace, judged by the same rules, and the loops in it. */
#include "command_context.h"
#include "trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SHOWN_FAULTS 12
#define SHOWN_VCPUS  32
#define SHOWN_LOOPS  16
#define OFTEN	     10 /* rarer ones are shown only if there are few */
#define FEW	     3
#define BUSY	     1000 /* faults a second from which on a repeated one is suspicious */

static bool interrupted(void *ctx)
{
	km_scoped_error *err = NULL;

	if (ctx)
		err = km_check_interrupt(ctx);
	return err;
}

/* --- what the events are judged with --- */

static void add_test(struct km_trace_rules *rules, const struct km_perm_inputs *in)
{
	struct km_trace_test *test = &rules->tests[rules->test_count++];

	test->has_words = in;
	if (in)
		km_update_permission_bitmask(in, test->words);
}

/* The table of a direct MMU as its role has it, without and with MBEC or GMET. */
static void add_tables(struct km_trace_rules *rules)
{
	bool tdp = rules->masks.paging != KM_PAGING_SHADOW;

	for (int smep = 0; smep <= tdp; smep++) {
		struct km_page_role role = {.cr4_smep = smep};
		struct km_perm_inputs in = km_spte_perm_inputs(
			KM_ACC_RWUX, &role, tdp, rules->masks.paging == KM_PAGING_EPT);

		add_test(rules, &in);
	}
}

static km_error *choose_rules(struct km_command_context *ctx, struct km_trace_rules *rules)
{
	const char *as = ctx->options.as, *colon = as ? strchr(as, ':') : NULL;
	bool table = true, legacy = true;
	km_error *err;

	memset(rules, 0, sizeof(*rules));
	if (as) {
		err = km_parse_format(as, &rules->masks);
		if (err)
			return err;
		table = !colon || !strcmp(colon, ":7.3");
		legacy = !colon || !table;
	} else if (ctx->kernel && ctx->kernel->features.spte_known) {
		rules->masks = ctx->kernel->masks;
		table = ctx->kernel->features.spte_table;
		legacy = !table;
	} else {
		km_note(ctx->root, "without --as (ept, npt or shadow, and :6.1 and so on), or a "
				   "dump of that kernel, only what all SPTEs have in common is "
				   "judged: a write needs W");
		return NULL;
	}
	rules->has_masks = true;
	if (legacy)
		add_test(rules, NULL);
	if (table)
		add_tables(rules);
	return NULL;
}

/* --- the answer --- */

static struct km_value seconds(struct km_node *node, const struct km_trace *t, uint64_t time)
{
	if (!t->seconds)
		return km_v_dec(time);
	return km_v_text(km_text(node, "%" PRIu64 ".%06" PRIu64, time / 1000000000,
				 time % 1000000000 / 1000));
}

static struct km_value rate(struct km_node *node, const struct km_trace *t,
			    const struct km_trace_tally *tally)
{
	double r = km_trace_rate(t, tally);

	return r ? km_v_text(km_text(node, "%.0f", r)) : km_v_none("-");
}

static void describe_trace(struct km_node *root, const struct km_trace *t, const char *name)
{
	struct km_node *node = km_compact(root, "trace", km_text(root, "trace %s", name));

	km_field(node, "file", NULL, km_v_text(name));
	km_field(node, "lines", "lines", km_v_dec(t->lines));
	km_field(node, "page_faults", "kvm_page_fault", km_v_dec(t->events[KM_TRACE_PAGE_FAULT]));
	km_field(node, "fast_page_faults", "fast_page_fault",
		 km_v_dec(t->events[KM_TRACE_FAST_PAGE_FAULT]));
	km_field(node, "exits", "kvm_exit", km_v_dec(t->events[KM_TRACE_EXIT]));
	km_field(node, "set_sptes", NULL, km_v_dec(t->events[KM_TRACE_SET_SPTE]));
	km_field(node, "emulated", NULL, km_v_dec(t->events[KM_TRACE_EMULATED]));
	if (t->has_time) {
		km_field(node, "first", NULL, seconds(node, t, t->first));
		km_field(node, "last", NULL, seconds(node, t, t->last));
		km_field(node, NULL, "from", seconds(node, t, t->first));
		km_field(node, NULL, "to", seconds(node, t, t->last));
	}
	km_field(node, "not_understood", NULL, km_v_dec(t->odd));
	km_field(node, "lost_events", NULL, km_v_dec(t->lost_events));
	km_field(node, "lost_places", NULL, km_v_dec(t->lost_places));
	if (t->odd)
		km_note(root, "%" PRIu64 " lines are not understood and left out", t->odd);
	if (t->lost_places)
		km_note(root,
			"the tracer lost events in %" PRIu64 " place%s (%" PRIu64
			" that it counted): what was fixed there is not seen",
			t->lost_places, t->lost_places == 1 ? "" : "s", t->lost_events);
	if (t->crowded)
		km_note(root, "%" PRIu64 " events are of threads past the first %d: left out",
			t->crowded, KM_TRACE_THREADS);
}

static const char *const verdict_names[KM_VERDICTS] = {
	[KM_VERDICT_FITS] = "fits",
	[KM_VERDICT_FITS_ABOVE] = "fits_above_4k",
	[KM_VERDICT_RACE] = "raced",
	[KM_VERDICT_DIFFERS] = "differs",
	[KM_VERDICT_CONTRADICTS] = "contradicts",
	[KM_VERDICT_NONE] = "not_judged",
};

static void describe_verdicts(struct km_node *root, const struct km_trace *t)
{
	static const char *const labels[KM_VERDICTS] = {
		[KM_VERDICT_FITS] = "as our rule says",
		[KM_VERDICT_FITS_ABOVE] = "so if above 4K",
		[KM_VERDICT_RACE] = "raced",
		[KM_VERDICT_DIFFERS] = "otherwise",
		[KM_VERDICT_CONTRADICTS] = "against the SPTE",
		[KM_VERDICT_NONE] = "not judged",
	};
	struct km_node *node;

	if (!t->events[KM_TRACE_FAST_PAGE_FAULT])
		return;
	node = km_compact(root, "judged", "fast_page_fault events:");
	for (size_t i = 0; i < KM_VERDICTS; i++)
		km_field(node, verdict_names[i], t->verdicts[i] ? labels[i] : NULL,
			 km_v_dec(t->verdicts[i]));
	for (size_t i = 0; i < t->odd_count; i++) {
		const struct km_trace_event *e = &t->odd_ones[i];
		char spelled[128];

		km_note(root,
			"%s: %s at 0x%" PRIx64 " in SPTE 0x%" PRIx64 " was %s (new 0x%" PRIx64 ")",
			t->odd_verdicts[i] == KM_VERDICT_DIFFERS ? "otherwise" : "against the SPTE",
			km_pferr_spell(e->error_code, spelled, sizeof(spelled)), e->address,
			e->old_spte,
			e->spurious ? "taken for spurious"
			: e->fixed  ? "fixed"
				    : "left to the slow path",
			e->new_spte);
	}
}

static int by_faults(const void *a, const void *b)
{
	const struct km_trace_vcpu *va = *(struct km_trace_vcpu *const *)a;
	const struct km_trace_vcpu *vb = *(struct km_trace_vcpu *const *)b;

	return (va->all.faults < vb->all.faults) - (va->all.faults > vb->all.faults);
}

static struct km_value vcpu_id(const struct km_trace_vcpu *v)
{
	return v->vcpu < 0 ? km_v_none("?") : km_v_dec((uint64_t)v->vcpu);
}

static void describe_vcpus(struct km_node *root, const struct km_trace *t)
{
	struct km_node *table = km_table(root, "vcpus", NULL);

	km_column(table, "tid", "THREAD", true);
	km_column(table, "comm", "TASK", false);
	km_column(table, "vcpu", "VCPU", true);
	km_column(table, "faults", "FAULTS", true);
	km_column(table, "faults_per_second", "PER S", true);
	km_column(table, "spurious", "SPURIOUS", true);
	km_column(table, "fixed", "FIXED", true);
	km_column(table, "slow", "SLOW", true);
	km_column(table, "set_sptes", "SET", true);
	km_column(table, "emulated", "EMULATED", true);
	km_column(table, "exits", "EXITS", true);
	for (size_t i = 0; i < t->vcpu_count && i < SHOWN_VCPUS; i++) {
		const struct km_trace_vcpu *v = t->vcpus[i];
		struct km_node *row = km_row(table);

		km_cell(row, km_v_dec(v->tid));
		km_cell(row, km_v_text(km_text(root, "%s", v->comm)));
		km_cell(row, vcpu_id(v));
		km_cell(row, km_v_dec(v->all.faults));
		km_cell(row, rate(root, t, &v->all));
		km_cell(row, km_v_dec(v->all.spurious));
		km_cell(row, km_v_dec(v->all.fixed));
		km_cell(row, km_v_dec(v->all.slow));
		km_cell(row, km_v_dec(v->all.set_spte));
		km_cell(row, km_v_dec(v->all.emulated));
		km_cell(row, km_v_dec(v->events[KM_TRACE_EXIT]));
	}
	if (t->vcpu_count > SHOWN_VCPUS)
		km_note(root, "%zu more threads", t->vcpu_count - SHOWN_VCPUS);
}

/* A fault and whose it is. */
struct seen {
	const struct km_trace_vcpu *v;
	const struct km_trace_fault *f;
};

static int more_often(const void *a, const void *b)
{
	const struct seen *sa = a, *sb = b;

	return (sa->f->all.faults < sb->f->all.faults) - (sa->f->all.faults > sb->f->all.faults);
}

static const char *const loop_ids[] = {
	[KM_LOOP_NONE] = NULL,
	[KM_LOOP_CONTRADICTS] = "spurious-loop",
	[KM_LOOP_SPURIOUS] = "spurious-repeated",
	[KM_LOOP_UNANSWERED] = "unanswered-repeated",
};

static const char *error_code_text(struct km_node *root, const struct km_trace_fault *f)
{
	char spelled[128];

	if (f->has_spte)
		return km_text(root, "%s", km_pferr_spell(f->pferr, spelled, sizeof(spelled)));
	return km_text(root, "0x%" PRIx64, f->error_code);
}

static void describe_faults(struct km_node *root, const struct seen *seen, size_t count)
{
	struct km_node *table = km_table(root, "faults", NULL);

	km_column(table, "tid", "THREAD", true);
	km_column(table, "vcpu", "VCPU", true);
	km_column(table, "address", "ADDRESS", false);
	km_column(table, "error_code", "ERROR CODE", false);
	km_column(table, "rip", "RIP", false);
	km_column(table, "faults", "TIMES", true);
	km_column(table, "spurious", "SPURIOUS", true);
	km_column(table, "fixed", "FIXED", true);
	km_column(table, "slow", "SLOW", true);
	km_column(table, "set_sptes", NULL, true);
	km_column(table, "emulated", NULL, true);
	km_column(table, "old_spte", "LAST SPTE", false);
	km_column(table, "new_spte", NULL, false);
	km_column(table, "loop", NULL, false);
	for (size_t i = 0; i < count && i < SHOWN_FAULTS; i++) {
		const struct km_trace_fault *f = seen[i].f;
		const struct km_trace_tally *in;
		struct km_node *row;

		if (f->all.faults < OFTEN && i >= FEW)
			break;
		row = km_row(table);
		km_cell(row, km_v_dec(seen[i].v->tid));
		km_cell(row, vcpu_id(seen[i].v));
		km_cell(row, km_v_hex(f->address));
		km_cell(row, km_v_text(error_code_text(root, f)));
		km_cell(row, f->has_rip ? km_v_hex(f->rip) : km_v_none("?"));
		km_cell(row, km_v_dec(f->all.faults));
		km_cell(row, km_v_dec(f->all.spurious));
		km_cell(row, km_v_dec(f->all.fixed));
		km_cell(row, km_v_dec(f->all.slow));
		km_cell(row, km_v_dec(f->all.set_spte));
		km_cell(row, km_v_dec(f->all.emulated));
		km_cell(row, f->has_spte ? km_v_hex(f->old_spte) : km_v_none("-"));
		km_cell(row, f->has_spte ? km_v_hex(f->new_spte) : km_v_none("-"));
		km_cell(row, km_v_text(loop_ids[km_trace_loop(f, &in)]));
	}
}

/* Would this trace show it if the fault were fixed or emulated? */
static bool would_show(const struct km_trace *t, const struct km_trace_fault *f)
{
	if (t->lost_places)
		return false;
	return t->events[KM_TRACE_SET_SPTE] && (t->events[KM_TRACE_EMULATED] || f->has_spte);
}

static const char *loop_text(struct km_node *root, const struct km_trace *t, const struct seen *s,
			     const struct km_trace_tally *in)
{
	const struct km_trace_fault *f = s->f;
	double per_second = km_trace_rate(t, in);

	return km_text(root,
		       "thread %" PRIu32 " (%s), vCPU %s: %s%" PRIu64 " faults at 0x%" PRIx64
		       ", error code %s%s%s, between %s and %s",
		       s->v->tid, s->v->comm,
		       s->v->vcpu < 0 ? "?" : km_text(root, "%" PRId64, s->v->vcpu),
		       in == &f->all ? "" : "at a stretch ", in->faults, f->address,
		       error_code_text(root, f),
		       f->has_rip ? km_text(root, ", RIP 0x%" PRIx64, f->rip) : "",
		       per_second ? km_text(root, ", %.0f a second", per_second) : "",
		       seconds(root, t, in->first).text ? seconds(root, t, in->first).text
							: km_text(root, "%" PRIu64, in->first),
		       seconds(root, t, in->last).text ? seconds(root, t, in->last).text
						       : km_text(root, "%" PRIu64, in->last));
}

/* Retried for a while, until whatever it waited for was done. */
static void tell_stretches(struct km_node *root, const struct km_trace *t,
			   const struct seen *longest, size_t stretches)
{
	const struct km_trace_tally *in;

	if (!stretches)
		return;
	km_trace_loop(longest->f, &in);
	km_note(root,
		"%zu time%s a fault came %d times or more with nothing done about it, until the "
		"vCPU "
		"went on; the longest: %s",
		stretches, stretches == 1 ? "" : "s", KM_LOOP_FAULTS,
		loop_text(root, t, longest, in));
}

static void find_loop(struct km_node *root, const struct km_trace *t, const struct seen *s,
		      enum km_trace_loop loop, const struct km_trace_tally *in)
{
	const struct km_trace_fault *f = s->f;
	bool busy = km_trace_rate(t, in) >= BUSY;
	const char *what = loop_text(root, t, s, in);

	if (loop == KM_LOOP_CONTRADICTS)
		km_finding(
			root, loop_ids[loop], KM_PROVEN,
			"%s: each taken for spurious, though SPTE 0x%" PRIx64
			" denies the access. The test that fast_page_fault() asks is wrong; since "
			"the 7.3 series it is a table of permissions: perms, on a dump, compares "
			"it with the MMU's role",
			what, f->old_spte);
	else if (loop == KM_LOOP_SPURIOUS)
		km_finding(root, loop_ids[loop], busy ? KM_POSSIBLE : KM_NOTE,
			   "%s: each taken for spurious, for KVM finds that SPTE 0x%" PRIx64
			   " permits the access: a stale TLB, or another vCPU that fixes it each "
			   "time",
			   what, f->old_spte);
	else
		km_finding(root, loop_ids[loop], busy && would_show(t, f) ? KM_POSSIBLE : KM_NOTE,
			   "%s: nothing that the trace shows came of them%s", what,
			   would_show(t, f)
				   ? ": retried each time?"
				   : ", but it lacks events that would (record kvmmmu:* and "
				     "kvm:kvm_mmio, kvm:kvm_emulate_insn, without loss)");
}

static void tell_progress(struct km_node *root, const struct km_trace *t)
{
	for (size_t i = 0; i < t->vcpu_count; i++) {
		const struct km_trace_vcpu *v = t->vcpus[i];
		const struct km_trace_progress *p = &v->best_progress;

		if (p->faults >= KM_LOOP_FAULTS)
			km_note(root,
				"thread %" PRIu32 " (%s) progresses: %" PRIu64
				" faults at RIP 0x%" PRIx64 ", from 0x%" PRIx64 " up to 0x%" PRIx64,
				v->tid, v->comm, p->faults, p->rip, p->first_address,
				p->last_address);
	}
}

static km_error *describe_hot(struct km_node *root, const struct km_trace *t)
{
	struct seen longest = {0};
	size_t count = 0, told = 0, stretches = 0;
	uint64_t forgotten = 0;
	struct seen *seen = calloc(t->vcpu_count ? t->vcpu_count * KM_TRACE_HOT : 1, sizeof(*seen));

	if (!seen)
		return km_errorf(KM_ENOMEM, "out of memory");
	for (size_t i = 0; i < t->vcpu_count; i++) {
		forgotten += t->vcpus[i]->forgotten;
		for (size_t j = 0; j < t->vcpus[i]->hot_count; j++)
			seen[count++] = (struct seen){t->vcpus[i], &t->vcpus[i]->hot[j]};
	}
	qsort(seen, count, sizeof(*seen), more_often);
	if (count)
		describe_faults(root, seen, count);
	for (size_t i = 0; i < count && told < SHOWN_LOOPS; i++) {
		const struct km_trace_tally *in;
		enum km_trace_loop loop = km_trace_loop(seen[i].f, &in);

		if (loop == KM_LOOP_NONE)
			continue;
		if (loop != KM_LOOP_CONTRADICTS && km_trace_went_on(seen[i].v, in)) {
			const struct km_trace_tally *than = NULL;

			if (stretches++)
				km_trace_loop(longest.f, &than);
			if (!than || in->faults > than->faults)
				longest = seen[i];
			continue;
		}
		find_loop(root, t, &seen[i], loop, in);
		told++;
	}
	tell_stretches(root, t, &longest, stretches);
	if (forgotten)
		km_note(root,
			"%" PRIu64 " faults made room for others (the %d most frequent of each "
			"vCPU are kept apart): what comes again in so large a round is not seen",
			forgotten, KM_TRACE_HOT);
	if (!told && !stretches && count)
		km_note(root, "no fault%s came %d times or more without anything being done",
			forgotten ? " that was kept apart" : "", KM_LOOP_FAULTS);
	tell_progress(root, t);
	free(seen);
	return NULL;
}

/* Inside a debugger nobody waits for a pipe: neither opening it nor reading it can be interrupted.
 */
static bool may_wait(const char *name)
{
	struct stat st;

	return !stat(name, &st) && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

static km_error *open_trace(struct km_command_context *ctx, const char *name, FILE **file)
{
	bool is_input = !strcmp(name, "-");

	if (ctx->has_target && (is_input || may_wait(name)))
		return km_errorf(KM_EUSAGE,
				 "\"%s\" is for the program without a dump: name a regular file",
				 name);
	*file = is_input ? stdin : fopen(name, "re");
	return *file ? NULL : km_errorf(KM_EREAD, "%s: %s", name, strerror(errno));
}

static km_error *answer(struct km_command_context *ctx, const struct km_trace *t, const char *name)
{
	if (t->vcpu_count)
		qsort(t->vcpus, t->vcpu_count, sizeof(t->vcpus[0]), by_faults);
	describe_trace(ctx->root, t, name);
	if (!t->events[KM_TRACE_PAGE_FAULT] && !t->events[KM_TRACE_FAST_PAGE_FAULT]) {
		km_note(ctx->root, "no page fault of KVM's in it: record kvm:kvm_page_fault and "
				   "kvmmmu:fast_page_fault");
		return NULL;
	}
	describe_verdicts(ctx->root, t);
	describe_vcpus(ctx->root, t);
	return describe_hot(ctx->root, t);
}

km_error *km_command_replay(struct km_command_context *ctx)
{
	const char *name = ctx->argv[0];
	struct km_trace_rules rules;
	struct km_trace trace = {0};
	FILE *file;
	km_error *err = choose_rules(ctx, &rules);

	if (!err)
		err = open_trace(ctx, name, &file);
	if (err)
		return err;
	err = km_trace_read(file, &rules, interrupted, ctx->kernel ? ctx->kernel->mem : NULL,
			    &trace);
	if (file != stdin)
		fclose(file);
	if (err)
		err = km_error_context(err, "%s", name);
	else
		err = answer(ctx, &trace, name);
	km_trace_deinit(&trace);
	return err;
}
