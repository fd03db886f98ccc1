// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu diff: what happened to each vCPU between two dumps of one boot. */
#include "commands/before.h"
#include "commands/moments_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAX_ONE_SIDED 24 /* more than there are values */

/* One run of the command. */
struct diff {
	struct km_command_context *ctx;
	struct km_before before;
	struct km_moments now; /* of the dump that was opened, or of the other answer in JSON */
	bool addresses;	       /* those of both can be compared */
	bool chosen;	       /* by the user: a VM or a vCPU */
	const char *one_sided[MAX_ONE_SIDED]; /* values that only one of the two contains */
	size_t one_sided_count;
	uint64_t both, only_earlier, only_later, trends[KM_TREND_PROGRESSES + 1];
	uint64_t fewer_exits, more_exits; /* vCPUs that have them in the later one */
	struct km_node *table;		  /* one line for each vCPU; NULL: the user selected one */
	struct km_node *list;		  /* the details */
	struct km_node *missing;
};

/* ---- what changed of one vCPU ---- */

static struct km_node *add_changes(struct km_node *entry)
{
	struct km_node *table = km_doc_table(entry, "changes", NULL);

	km_doc_column(table, "what", NULL, false);
	km_doc_people_column(table, "label", "WHAT", false);
	km_doc_column(table, "earlier", "EARLIER", false);
	km_doc_column(table, "later", NULL, false);
	km_doc_column(table, "change", NULL, false);
	km_doc_people_column(table, "later_text", "LATER", false);
	return table;
}

/* "12475 (+11742)" */
static struct km_value with_change(struct km_node *node, const struct km_value *later,
				   const struct km_value *change)
{
	char text[KM_VALUE_TEXT], by[KM_VALUE_TEXT];
	const char *change_text = km_value_text(change, by);

	if (!*change_text)
		return *later;
	return km_v_text(km_doc_text(node, "%s (%s)", km_value_text(later, text), change_text));
}

static void add_change(struct km_node *table, const char *what, const char *label,
		       struct km_value earlier, struct km_value later, struct km_value change)
{
	struct km_node *row = km_doc_row(table);

	km_doc_cell(row, "what", km_v_text(what));
	km_doc_cell(row, "label", km_v_text(label));
	km_doc_cell(row, "earlier", earlier);
	km_doc_cell(row, "later", later);
	km_doc_cell(row, "change", change);
	km_doc_cell(row, "later_text", with_change(row, &later, &change));
}

/* A value that only one of the two contains did not change: an answer names it. */
static void add_one_sided(struct diff *run, const char *what)
{
	for (size_t i = 0; i < run->one_sided_count; i++) {
		if (!strcmp(run->one_sided[i], what))
			return;
	}
	if (run->one_sided_count < MAX_ONE_SIDED)
		run->one_sided[run->one_sided_count++] = what;
}

static void compare_known(struct km_node *table, const char *what, struct km_val earlier,
			  struct km_val later, enum km_value_kind kind)
{
	struct km_value change = km_v_none("");

	if (km_is_known(earlier) == km_is_known(later) && earlier.v == later.v)
		return;
	if (kind == KM_V_DEC && km_is_known(earlier) && km_is_known(later)) {
		int64_t by = (int64_t)(later.v - earlier.v);

		change = km_v_as(km_v_signed(by), km_doc_text(table, "%+" PRId64, by));
	}
	add_change(table, what, what, km_v_val(earlier, kind), km_v_val(later, kind), change);
}

static void compare(struct diff *run, struct km_node *table, const char *what,
		    struct km_val earlier, struct km_val later, enum km_value_kind kind)
{
	if (km_is_known(earlier) != km_is_known(later))
		add_one_sided(run, what);
	else
		compare_known(table, what, earlier, later, kind);
}

/* NULL: there is none. */
static void compare_texts(struct km_node *table, const char *what, const char *earlier,
			  const char *later)
{
	const char *before = earlier ? earlier : "", *after = later ? later : "";

	if (strcmp(before, after))
		add_change(table, what, what, earlier ? km_v_text(earlier) : km_v_none("-"),
			   later ? km_v_text(later) : km_v_none("-"), km_v_none(""));
}

static const char *sure_text(struct km_node *node, const char *what, enum km_certainty certainty)
{
	return what ? km_doc_text(node, "%s (%s)", what, km_certainty_text(certainty)) : NULL;
}

/* That one of the two has no current fault is a change. */
static void compare_faults(struct diff *run, struct km_node *table, const struct km_sample *a,
			   const struct km_sample *b)
{
	static const struct km_val none = {.known = KM_ABSENT};

	compare_known(table, "error_code", a->error_code, b->error_code, KM_V_HEX);
	if (!run->addresses)
		return;
	compare_known(table, "fault_address", a->has_fault ? km_known_val(a->addr) : none,
		      b->has_fault ? km_known_val(b->addr) : none, KM_V_HEX);
	compare(run, table, "rip", a->rip, b->rip, KM_V_HEX);
}

/* The entries on the walk to an address that both faulted on. */
static void compare_walks(struct km_node *table, const struct km_moment *a,
			  const struct km_moment *b)
{
	size_t count = a->walk.count < b->walk.count ? a->walk.count : b->walk.count;

	if (!a->walk.known || !b->walk.known || a->walk.addr != b->walk.addr ||
	    a->walk.root_level != b->walk.root_level)
		return;
	for (size_t i = 0; i < count; i++) {
		uint64_t before = a->walk.levels[i].spte, after = b->walk.levels[i].spte;
		int level = b->walk.levels[i].level;

		if (before != after)
			add_change(table, km_doc_text(table, "spte_level_%d", level),
				   km_doc_text(table, "SPTE, level %d", level), km_v_hex(before),
				   km_v_hex(after), km_v_none(""));
	}
	compare_texts(table, "walk_ends", km_doc_text(table, "%s", a->walk.end),
		      km_doc_text(table, "%s", b->walk.end));
}

static void compare_counters(struct diff *run, struct km_node *table, const struct km_moment *a,
			     const struct km_moment *b)
{
	const struct km_sample *before = &a->sample, *after = &b->sample;

	compare(run, table, "exits", before->exits, after->exits, KM_V_DEC);
	compare(run, table, "halt_exits", before->halt_exits, after->halt_exits, KM_V_DEC);
	compare(run, table, "mmio_exits", before->mmio_exits, after->mmio_exits, KM_V_DEC);
	compare(run, table, "pf_taken", before->pf_taken, after->pf_taken, KM_V_DEC);
	compare(run, table, "pf_fixed", before->pf_fixed, after->pf_fixed, KM_V_DEC);
	compare(run, table, "pf_fast", a->pf_fast, b->pf_fast, KM_V_DEC);
	compare(run, table, "pf_spurious", before->pf_spurious, after->pf_spurious, KM_V_DEC);
	compare(run, table, "pf_emulate", before->pf_emulate, after->pf_emulate, KM_V_DEC);
	compare(run, table, "insn_emulation_fail", before->emulation_failed,
		after->emulation_failed, KM_V_DEC);
	compare(run, table, "uncounted_exits", before->uncounted_exits, after->uncounted_exits,
		KM_V_DEC);
	compare(run, table, "insn_emulation", before->insn_emulation, after->insn_emulation,
		KM_V_DEC);
	compare(run, table, "mmu_invalidate_seq", before->invalidate_seq, after->invalidate_seq,
		KM_V_DEC);
	compare(run, table, "mmu_invalidate_in_progress", a->invalidations, b->invalidations,
		KM_V_DEC);
}

static const char *mode_text(struct km_node *node, struct km_val mode)
{
	const char *name = km_is_known(mode) ? km_vcpu_mode_name(mode.v) : NULL;

	return name ? name : km_is_known(mode) ? km_doc_text(node, "%" PRIu64, mode.v) : "?";
}

static void compare_moments(struct diff *run, struct km_node *entry, const struct km_moment *a,
			    const struct km_moment *b)
{
	struct km_node *table = add_changes(entry);

	compare_texts(table, "state", km_state_text(table, a->sample.state, a->certainty),
		      km_state_text(table, b->sample.state, b->certainty));
	compare_texts(table, "finding", sure_text(table, a->finding, a->finding_certainty),
		      sure_text(table, b->finding, b->finding_certainty));
	compare_faults(run, table, &a->sample, &b->sample);
	if (run->addresses)
		compare_walks(table, a, b);
	compare_counters(run, table, a, b);
	compare_texts(table, "mode", mode_text(table, a->mode), mode_text(table, b->mode));
	compare(run, table, "requests", a->requests, b->requests, KM_V_HEX);
	compare(run, table, "tid", a->tid, b->tid, KM_V_DEC);
	compare_texts(table, "mmu", a->mmu, b->mmu);
	if (run->addresses)
		compare(run, table, "root", a->root, b->root, KM_V_HEX);
	compare(run, table, "root_role", a->root_role, b->root_role, KM_V_HEX);
	compare(run, table, "tables_that_differ", km_known_val(a->tables_differ),
		km_known_val(b->tables_differ), KM_V_DEC);
	if (table && table->last && table->last->kind != KM_N_ROW)
		km_doc_machine_only(table);
}

/* ---- one vCPU ---- */

static const char *owner_text(struct km_node *node, const struct km_moment *m)
{
	return m->comm[0] ? km_doc_text(node, "%s", m->comm) : "?";
}

/* For other vCPUs, their line in the table is sufficient. */
static bool deserves_details(const struct km_moment *a, const struct km_moment *b,
			     const struct km_samples_verdict *v)
{
	return v->trend == KM_TREND_LOOPS || a->finding || b->finding ||
	       a->sample.state == KM_STATE_STUCK || b->sample.state == KM_STATE_STUCK;
}

static enum km_tone trend_tone(enum km_trend trend)
{
	return trend == KM_TREND_LOOPS ? KM_TONE_ALARM : KM_TONE_PLAIN;
}

static void add_row(struct km_node *table, const struct km_moment *now,
		    const struct km_samples_verdict *v)
{
	struct km_node *row = km_doc_row(table);
	const char *trend = km_trend_name(v->trend);

	km_doc_cell(row, "vcpu", km_v_text(km_doc_text(row, "%u:%u", now->vm_number, now->idx)));
	km_doc_cell(row, "owner", km_v_text(owner_text(row, now)));
	km_doc_cell(row, "trend",
		    km_v_tone(km_v_text(v->certainty > KM_NOTE ? sure_text(row, trend, v->certainty)
							       : trend),
			      trend_tone(v->trend)));
	km_doc_cell(row, "reason", km_v_text(km_doc_text(row, "%s", v->text)));
}

/* Counters only rise: where the order is not known, they tell. */
static void count_exits(struct diff *run, const struct km_sample *earlier,
			const struct km_sample *later)
{
	if (!km_is_known(earlier->exits) || !km_is_known(later->exits))
		return;
	run->fewer_exits += later->exits.v < earlier->exits.v;
	run->more_exits += later->exits.v > earlier->exits.v;
}

static void add_vcpu(struct diff *run, const struct km_moment *then, const struct km_moment *now)
{
	bool reversed = km_boot_reversed(&run->before.relation);
	const struct km_moment *earlier = reversed ? now : then, *later = reversed ? then : now;
	struct km_node *entry = km_doc_section(run->list, NULL, NULL);
	struct km_samples_verdict v;

	km_before_judge(&run->before, then, now, &v);
	count_exits(run, &earlier->sample, &later->sample);
	run->both++;
	run->trends[v.trend]++;
	if (v.trend == KM_TREND_LOOPS)
		km_context_finds(run->ctx, v.certainty);
	if (later->sample.state == KM_STATE_STUCK)
		km_context_finds(run->ctx, later->certainty);
	if (later->finding)
		km_context_finds(run->ctx, later->finding_certainty);
	if (run->table)
		add_row(run->table, now, &v);
	km_doc_set_title(entry, km_doc_text(entry, "vCPU %u:%u (%s)", now->vm_number, now->idx,
					    owner_text(entry, now)));
	km_doc_field(entry, "vm", NULL, km_v_dec(now->vm_number));
	km_doc_field(entry, "vcpu", NULL, km_v_dec(now->idx));
	km_doc_field(entry, "kvm_vcpu", "kvm_vcpu", km_v_hex(now->vcpu));
	km_doc_field(entry, "trend", NULL, km_v_text(km_trend_name(v.trend)));
	km_doc_field(entry, "certainty", NULL, km_v_text(km_certainty_text(v.certainty)));
	km_doc_field(entry, "text", NULL, km_v_text(km_doc_text(entry, "%s", v.text)));
	km_doc_field(entry, NULL, km_trend_name(v.trend),
		     km_v_tone(km_v_text(km_doc_text(
				       entry, "%s%s%s",
				       v.certainty > KM_NOTE ? km_certainty_text(v.certainty) : "",
				       v.certainty > KM_NOTE ? ": " : "", v.text)),
			       trend_tone(v.trend)));
	compare_moments(run, entry, earlier, later);
	if (run->table && !deserves_details(earlier, later, &v))
		km_doc_machine_only(entry);
}

/* One that the other does not have. */
static void add_missing(struct diff *run, const struct km_moment *m, bool in_earlier)
{
	struct km_node *row = km_doc_row(run->missing);

	++*(in_earlier ? &run->only_earlier : &run->only_later);
	km_doc_cell(row, "vcpu", km_v_text(km_doc_text(row, "%u:%u", m->vm_number, m->idx)));
	km_doc_cell(row, "owner", km_v_text(owner_text(row, m)));
	km_doc_cell(row, "kvm_vcpu", km_v_hex(m->vcpu));
	km_doc_cell(row, "only_in", km_v_text(in_earlier ? "earlier" : "later"));
}

/* ---- all ---- */

static void compare_all(struct diff *run)
{
	const struct km_moments *then = &run->before.moments, *now = &run->now;
	bool reversed = km_boot_reversed(&run->before.relation);

	for (size_t i = 0; i < now->count; i++) {
		const struct km_moment *m = &now->list[i], *other = km_moments_find(then, m);

		if (other)
			add_vcpu(run, other, m);
		else
			add_missing(run, m, reversed);
	}
	for (size_t i = 0; i < then->count; i++) {
		/* of an answer whose addresses are replaced, it is not known which were chosen */
		if (!km_moments_find(now, &then->list[i]) && !(run->chosen && !run->addresses))
			add_missing(run, &then->list[i], !reversed);
	}
}

/* "12 vCPUs in both: 1 loops, 3 progress, 8 are quiet" */
static void describe_summary(struct km_node *summary, const struct diff *run)
{
	static const struct {
		enum km_trend trend;
		const char *key, *one, *many;
	} parts[] = {
		{KM_TREND_LOOPS, "loops", "loops", "loop"},
		{KM_TREND_PROGRESSES, "progresses", "progresses", "progress"},
		{KM_TREND_QUIET, "quiet", "is quiet", "are quiet"},
		{KM_TREND_OPEN, "open", "is open", "are open"},
	};
	const char *text = km_doc_text(summary, "%" PRIu64 " vCPU%s in both", run->both,
				       run->both == 1 ? "" : "s"),
		   *before = ": ";

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		uint64_t count = run->trends[parts[i].trend];

		km_doc_field(summary, parts[i].key, NULL, km_v_dec(count));
		if (!count)
			continue;
		text = km_doc_text(summary, "%s%s%" PRIu64 " %s", text, before, count,
				   count == 1 ? parts[i].one : parts[i].many);
		before = ", ";
	}
	km_doc_field(summary, "vcpus", NULL, km_v_dec(run->both));
	km_doc_field(summary, "only_earlier", NULL, km_v_dec(run->only_earlier));
	km_doc_field(summary, "only_later", NULL, km_v_dec(run->only_later));
	km_doc_field(summary, NULL, "",
		     km_v_tone(km_v_text(text),
			       trend_tone(run->trends[KM_TREND_LOOPS] ? KM_TREND_LOOPS
								      : KM_TREND_OPEN)));
}

static void begin_lists(struct diff *run, bool one)
{
	struct km_node *root = run->ctx->root;

	if (!one) {
		run->table = km_doc_table(root, NULL, NULL);
		km_doc_column(run->table, "vcpu", "VCPU", false);
		km_doc_column(run->table, "owner", "OWNER", false);
		km_doc_column(run->table, "trend", "IN BETWEEN", false);
		km_doc_column(run->table, "reason", "REASON", false);
	}
	run->list = km_doc_list(root, "vcpus");
	run->missing = km_doc_table(root, "missing", "in one of them only");
	km_doc_column(run->missing, "vcpu", "VCPU", false);
	km_doc_column(run->missing, "owner", "OWNER", false);
	km_doc_column(run->missing, "kvm_vcpu", "KVM_VCPU", false);
	km_doc_column(run->missing, "only_in", "ONLY IN", false);
}

/* What an answer in JSON cannot tell. */
static void describe_limits(struct diff *run, const char *file, const struct km_moments *moments)
{
	struct km_node *root = run->ctx->root;

	if (moments->redacted)
		km_doc_note(root,
			    "%s is redacted: its addresses are other ones. Addresses of faults, "
			    "RIP, SPTEs and roots are not compared, and a vCPU is the same in both "
			    "if the PID of its owner, its index and its ID are the same",
			    file);
	if (moments->selected)
		km_doc_note(
			root,
			"%s is the answer about a selection, of %zu vCPU%s: the others were not "
			"compared",
			file, moments->count, moments->count == 1 ? "" : "s");
}

static void describe_one_sided(struct diff *run)
{
	struct km_node *root = run->ctx->root;
	const char *text = "";

	for (size_t i = 0; i < run->one_sided_count; i++) {
		text = km_doc_text(root, "%s%s%s", text, i ? ", " : "", run->one_sided[i]);
		km_doc_point(root, "not_compared", "%s", run->one_sided[i]);
		km_doc_machine_only(root->last);
	}
	if (run->one_sided_count)
		km_doc_note(root, "known in only one of the two, and not compared: %s", text);
}

/* What explains a comparison that shows nothing. */
static void describe_order(struct diff *run)
{
	const struct km_boot_relation *r = &run->before.relation;
	struct km_node *root = run->ctx->root;

	if (r->same != KM_BOOT_DIFFERS && !run->both && run->now.count && run->before.moments.count)
		km_doc_note(root, "no vCPU is in both: nothing was compared");
	if (!run->both)
		return;
	if (r->same_moment && !run->fewer_exits && !run->more_exits)
		km_doc_note(root, "both are of the same moment: nothing happened in between");
	else if (r->same_moment)
		km_doc_note(root,
			    "both have the same time, and the counters differ: the clock of the "
			    "kernel is too coarse");
	else if (!r->order_known && run->fewer_exits && !run->more_exits)
		km_doc_note(root,
			    "the exits of %" PRIu64 " vCPU%s decreased, and of none increased: if "
			    "%s was taken later, swap the two",
			    run->fewer_exits, run->fewer_exits == 1 ? "" : "s", run->before.file);
}

static void describe_lost(struct diff *run)
{
	uint64_t lost = run->now.lost + run->before.moments.lost;

	if (lost)
		km_doc_note(run->ctx->root,
			    "%" PRIu64 " vCPUs are not readable in one of the two: they are not "
			    "compared",
			    lost);
	describe_limits(run, run->before.file, &run->before.moments);
	describe_limits(run, run->ctx->options.after, &run->now);
	describe_one_sided(run);
	if (run->before.relation.same == KM_BOOT_UNKNOWN)
		km_doc_note(run->ctx->root, "it is not known whether both are of the same boot: "
					    "findings that are based on both are at most possible");
}

/* @one: the user selected a vCPU. */
static void diff(struct diff *run, bool one)
{
	struct km_node *summary = km_doc_compact(run->ctx->root, "summary", NULL);

	begin_lists(run, one);
	if (run->before.relation.same != KM_BOOT_DIFFERS)
		compare_all(run);
	else
		km_doc_note(run->ctx->root, "nothing was compared: the two are of different boots");
	describe_summary(summary, run);
	if (!run->only_earlier && !run->only_later)
		km_doc_machine_only(run->missing);
	if (run->table && !run->both)
		km_doc_machine_only(run->table);
	describe_order(run);
	describe_lost(run);
}

/* ---- two answers in JSON ---- */

/* The head of the answer, of which no dump is open. */
static void describe_source(struct diff *run)
{
	const struct km_moments *now = &run->now;
	struct km_node *source =
		km_doc_compact(run->ctx->root, "source",
			       km_doc_text(run->ctx->root, "Linux %s", now->boot.release));

	km_doc_field(source, "release", NULL,
		     km_v_text(km_doc_text(source, "%s", now->boot.release)));
	km_doc_field(source, "vendor", "",
		     now->vendor ? km_v_text(now->vendor) : km_v_none("vendor unknown"));
	km_doc_field(source, "paging", "",
		     now->paging ? km_v_text(now->paging) : km_v_none("paging unknown"));
	km_doc_field(source, "types", "types from", km_v_text("an answer in JSON"));
	km_doc_field(source, "host", NULL, km_v_text("kvmmmu"));
	km_doc_field(source, "dump", NULL, km_v_text(run->ctx->options.after));
	km_doc_field(source, "capsule", NULL, km_v_bool(false));
	km_doc_field(source, "vendor_types_missing", NULL, km_v_none(NULL));
}

/* Set @scope to what @word names in an answer: VM or VM:INDEX, as it has them. */
static km_error *select_in_answer(const struct km_moments *now, const char *word,
				  struct km_moments_scope *scope, bool *one)
{
	unsigned vm, idx;
	char end;
	int count = strspn(word, "0123456789:") == strlen(word)
			    ? sscanf(word, "%9u:%9u%c", &vm, &idx, &end)
			    : 0;

	*one = count == 2;
	for (size_t i = 0; i < now->count && (count == 1 || count == 2); i++) {
		const struct km_moment *m = &now->list[i];

		if (m->vm_number != vm || (*one && m->idx != idx))
			continue;
		scope->kvm = m->kvm;
		scope->vcpu = *one ? m->vcpu : 0;
		return NULL;
	}
	return km_errorf(KM_EUSAGE,
			 "the answer has no VM or vCPU \"%s\": in JSON, VM or VM:INDEX "
			 "names it",
			 word);
}

static km_error *read_answer(struct diff *run, struct km_moments_scope *scope, bool *one)
{
	const struct km_command_context *ctx = run->ctx;
	km_error *err = km_moments_read_json(ctx->options.after, &run->now);

	if (!err)
		describe_source(run);
	if (!err && ctx->argc)
		err = select_in_answer(&run->now, ctx->argv[0], scope, one);
	if (!err)
		km_moments_keep(&run->now, scope);
	return err;
}

/* ---- the command ---- */

/* @scope, @one: what the user selected; one vCPU. */
static km_error *read_dump(struct diff *run, struct km_moments_scope *scope, bool *one)
{
	struct km_command_context *ctx = run->ctx;
	struct km_vm *vm = NULL;
	struct km_vcpu *vcpu = NULL;
	km_error *err = km_context_read_vms(ctx);

	km_vms_find_threads(ctx->kernel, &ctx->vms);
	if (!err)
		err = km_select(ctx, &vm, &vcpu);
	*scope = km_moments_scope_of(vm, vcpu);
	*one = vcpu;
	return err;
}

km_error *km_command_diff(struct km_command_context *ctx)
{
	struct diff run = {.ctx = ctx, .chosen = ctx->argc};
	struct km_moments_scope scope = {0};
	bool one = false;
	km_error *err = NULL;

	if (!ctx->options.before)
		err = km_errorf(KM_EUSAGE, "diff needs another dump of the same boot: give "
					   "--before EARLIER");
	if (!err)
		err = ctx->options.after ? read_answer(&run, &scope, &one)
					 : read_dump(&run, &scope, &one);
	if (run.now.redacted) /* what was selected is at other addresses in the other one */
		scope = (struct km_moments_scope){0};
	if (!err)
		err = km_before_read(ctx, &scope, &run.before);
	if (!err && !ctx->options.after)
		err = km_moments_read(ctx->kernel, &ctx->vms, &scope, &run.now);
	if (!err) {
		km_before_relate(&run.before, &run.now);
		run.addresses = km_moments_share_addresses(&run.before.moments, &run.now);
		km_describe_before(ctx->root, &run.before);
		diff(&run, one);
	}
	km_moments_deinit(&run.now);
	km_before_deinit(&run.before);
	return err;
}
