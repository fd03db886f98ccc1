// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu report: everything that belongs in a bug report, in one answer. */
#include "commands/report.h"

#include "commands/cite_log.h"
#include "commands/moments_json.h"
#include "commands/report_rules.h"
#include "diagnose/case_read.h"
#include "diagnose/fingerprint.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DETAILED 6	/* vCPUs with a chapter of their own */
#define MAX_LISTED   32 /* other VMs */

/* ---- which vCPUs ---- */

struct selection {
	const struct km_vm *vm;
	const struct km_vcpu *vcpu; /* NULL: all of the VM */
};

/* The words of the user, resolved. KM_EUSAGE. */
static km_error *select_all(const struct km_command_context *ctx, struct selection *selections)
{
	for (int i = 0; i < ctx->argc; i++) {
		struct km_command_context one = *ctx;
		struct km_vm *vm;
		struct km_vcpu *vcpu;
		km_error *err;

		one.argc = 1;
		one.argv = &ctx->argv[i];
		err = km_select(&one, &vm, &vcpu);
		if (err)
			return err;
		selections[i] = (struct selection){vm, vcpu};
	}
	return NULL;
}

static bool is_selected(const struct km_report *run, const struct selection *selections,
			const struct km_vm *vm, const struct km_vcpu *vcpu)
{
	for (int i = 0; i < run->ctx->argc; i++) {
		if (selections[i].vm == vm &&
		    (!selections[i].vcpu || !vcpu || selections[i].vcpu == vcpu))
			return true;
	}
	return !run->ctx->argc && !vm->left_out && !(vcpu && vcpu->left_out);
}

/* Did the user name this vCPU itself? */
static bool is_named(const struct km_report *run, const struct selection *selections,
		     const struct km_vcpu *vcpu)
{
	for (int i = 0; i < run->ctx->argc; i++) {
		if (selections[i].vcpu == vcpu)
			return true;
	}
	return false;
}

/* ---- one vCPU ---- */

static bool deserves_chapter(const struct km_explanation *e)
{
	for (size_t i = 0; i < e->count; i++) {
		if (e->found[i].certainty > KM_NOTE)
			return true;
	}
	return e->state == KM_STATE_STUCK;
}

static void list_vcpu(struct km_report *run, const struct km_examined *x)
{
	struct km_node *row;

	if (x->e.state == KM_STATE_HEALTHY)
		return;
	row = km_vcpu_row(&run->others, x->e.state, false);
	km_doc_cell(row, "vcpu",
		    km_v_text(km_doc_text(row, "%u:%u", x->c.vm->number, x->c.vcpu->idx)));
	km_doc_cell(
		row, "state",
		km_v_tone(km_v_text(km_vcpu_state_name(x->e.state)), km_state_tone(x->e.state)));
	km_doc_cell(row, "reason", km_v_text(km_doc_text(row, "%s", x->e.verdict)));
}

/* A bug is only suspected where a vCPU is stuck. */
static const char *subject_prefix(bool kvm, enum km_vcpu_state state)
{
	if (state != KM_STATE_STUCK)
		return "KVM: x86/mmu:";
	return kvm ? "[BUG?] KVM: x86/mmu:" : "KVM guest:";
}

/* The first vCPU that is stuck, or else the first suspect, gives the report its subject. */
static void remember(struct km_report *run, const struct km_examined *x)
{
	struct km_node *root = run->ctx->root;
	const struct km_diagnosis *d = x->e.count ? &x->e.found[0] : NULL;
	const char *paging = x->c.mmu ? km_paging_text(x->c.mmu->paging) : "?";
	const struct km_report_rule *rule = d ? km_report_rule(d->id) : NULL;
	bool kvm = !rule || rule->suspect == KM_AT_KVM;
	char fingerprint[KM_FINGERPRINT];

	if (run->subject)
		return;
	run->suspect = rule && x->e.state == KM_STATE_STUCK ? km_suspect_text(rule->suspect) : NULL;
	run->subject = km_doc_text(
		root, "%s vCPU %s%s%s%s%s; Linux %s, %s", subject_prefix(kvm, x->e.state),
		km_state_text(root, x->e.state, x->e.certainty), d ? ", " : "", d ? d->id : "",
		d ? " " : "", d ? km_doc_text(root, "(%s)", km_certainty_text(d->certainty)) : "",
		run->ctx->kernel->release, paging);
	run->verdict = km_doc_text(
		root, "vCPU %u:%u (%s)%s %s: %s.%s%s", x->c.vm->number, x->c.vcpu->idx,
		x->c.vm->comm[0] ? x->c.vm->comm : "?",
		x->e.state == KM_STATE_UNKNOWN	   ? ": its state is"
		: x->e.state == KM_STATE_NEVER_RAN ? ""
						   : " is",
		km_state_text(root, x->e.state, x->e.certainty), x->e.verdict,
		d ? km_doc_text(root, " Finding: %s (%s).", d->id, km_certainty_text(d->certainty))
		  : "",
		x->e.state == KM_STATE_STUCK && x->e.certainty == KM_LIKELY
			? " One dump cannot prove more."
			: "");
	run->fingerprint = km_doc_text(root, "%s", km_fingerprint(&x->c, &x->e, fingerprint));
}

static void count_tables(struct km_report *run, const struct km_vcpu_mmu *all)
{
	for (size_t i = 0; i < all->table_count; i++) {
		run->tables_match += all->tables[i].status == KM_TABLE_MATCHES;
		run->tables_differ += all->tables[i].status == KM_TABLE_DIFFERS;
	}
}

/* Numbers of the case that look like addresses. */
static void keep_numbers(struct km_redaction *r, const struct km_case *c)
{
	const struct km_vcpu_stats *s = &c->vcpu->stats;
	/* a counter is printed in hexadecimal where it can be checked by hand */
	const struct km_val others[] = {
		c->last.exit_code,
		c->vcpu->requests,
		s->pf_taken,
		s->pf_fixed,
		s->pf_spurious,
		s->exits,
		c->vm->mmu_invalidate_seq,
	};

	for (size_t i = 0; i < c->last.count; i++) {
		if (km_is_known(c->last.faults[i].error_code))
			km_redaction_keep(r, c->last.faults[i].error_code.v);
	}
	for (size_t i = 0; i < c->all.mmu_count; i++)
		km_redaction_keep(r, c->all.mmus[i].root_role.word);
	for (size_t i = 0; c->has_walk && i < c->walk.count; i++)
		km_redaction_keep(r, c->walk.levels[i].sp.role.word);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (km_is_known(others[i]))
			km_redaction_keep(r, others[i].v);
	}
}

static km_error *add_vcpu(struct km_report *run, const struct km_examined *x, bool named)
{
	bool stuck = x->e.state == KM_STATE_STUCK, chapter = named || deserves_chapter(&x->e);
	bool first = !run->subject && (stuck || named);

	km_count_state(&run->counts, x->e.state);
	if (stuck)
		km_context_finds(run->ctx, x->e.certainty);
	count_tables(run, &x->c.all);
	if (run->redaction)
		keep_numbers(run->redaction, &x->c);
	km_moment_describe(run->moment, &x->c, &x->e);
	if (!chapter || (!stuck && !named && run->detailed >= MAX_DETAILED) ||
	    run->detailed >= 2 * MAX_DETAILED) {
		list_vcpu(run, x);
		return NULL;
	}
	run->detailed++;
	if (!run->suspected && x->e.count)
		run->suspected = km_doc_text(
			run->ctx->root, "%u:%u is %s, %s (%s)", x->c.vm->number, x->c.vcpu->idx,
			km_state_text(run->ctx->root, x->e.state, x->e.certainty), x->e.found[0].id,
			km_certainty_text(x->e.found[0].certainty));
	if (stuck || named)
		remember(run, x);
	run->vm_has_chapter[x->c.vm->number] = true;
	return km_report_vcpu(stuck ? run->stuck : run->suspects, &x->c, &x->e, first,
			      run->redaction);
}

static km_error *report_vcpu(struct km_report *run, const struct km_vm *vm,
			     const struct km_vcpu *vcpu, bool named)
{
	struct km_examined *x = calloc(1, sizeof(*x));
	km_error *err;

	if (!x)
		return km_errorf(KM_ENOMEM, "out of memory");
	err = km_examine(&run->by, vm, vcpu, x);
	if (!err)
		err = add_vcpu(run, x, named);
	km_case_deinit(&x->c);
	free(x);
	return err;
}

/* ---- the chapters ---- */

/* The verdict if none is known to be stuck: about those that were asked for, and with the unknown.
 */
static const char *none_text(const struct km_report *run, struct km_node *node)
{
	const char *none = run->ctx->argc ? "None of the selected vCPUs" : "No vCPU";
	uint64_t unknown = run->counts.unknown + run->counts.lost;

	if (!run->counts.vms)
		return "There are no VMs in this dump.";
	if (!unknown)
		return km_doc_text(node, "%s is stuck, as far as this dump shows.", none);
	return km_doc_text(node, "%s is known to be stuck; %" PRIu64 " %s unknown, and may loop.",
			   none, unknown, unknown == 1 ? "is" : "are");
}

/* @summary was begun first; it is filled when all vCPUs are known. */
static void fill_summary(struct km_report *run, struct km_node *summary)
{
	bool unknown = run->counts.unknown || run->counts.lost;
	struct km_node *states;

	if (!run->subject)
		run->subject = km_doc_text(
			summary, "KVM: x86/mmu: no %svCPU is %sstuck%s%s; Linux %s",
			run->ctx->argc ? "selected " : "", unknown ? "known to be " : "",
			run->suspected ? ", " : "", run->suspected ? run->suspected : "",
			run->ctx->kernel->release);
	km_doc_field(summary, "subject", "Subject", km_v_text(run->subject));
	km_doc_field(summary, "verdict", "",
		     run->verdict ? km_v_tone(km_v_text(run->verdict), KM_TONE_ALARM)
				  : km_v_text(none_text(run, summary)));
	km_doc_field(summary, "suspect", run->suspect ? "look at" : NULL, km_v_text(run->suspect));
	km_doc_field(summary, "counts", "vCPUs", km_v_text(km_counts_text(summary, &run->counts)));
	if (run->tables_match + run->tables_differ)
		km_doc_field(
			summary, NULL, "tables",
			km_v_text(km_doc_text(
				summary, "permissions[]: %" PRIu64 " %s, %" PRIu64 " %s",
				run->tables_match,
				run->tables_match == 1 ? "matches its role" : "match their roles",
				run->tables_differ,
				run->tables_differ == 1 ? "does not" : "do not")));
	states = km_doc_compact(summary, "states", NULL);
	km_describe_counts(states, &run->counts);
	km_doc_machine_only(states);
	km_doc_field(summary, "tables_match", NULL, km_v_dec(run->tables_match));
	km_doc_field(summary, "tables_differ", NULL, km_v_dec(run->tables_differ));
	km_doc_field(summary, "fingerprint", run->fingerprint ? "fingerprint" : NULL,
		     km_v_text(run->fingerprint && *run->fingerprint ? run->fingerprint : NULL));
	km_doc_set_title(run->ctx->root, run->subject);
}

static void begin_others(struct km_report *run)
{
	run->others_chapter = km_doc_chapter(run->ctx->root, "other_vcpus",
					     "Other vCPUs, without those that are healthy");
	run->others.table = km_doc_table(run->others_chapter, "vcpus", NULL);
	km_doc_column(run->others.table, "vcpu", "VCPU", false);
	km_doc_column(run->others.table, "state", "STATE", false);
	km_doc_column(run->others.table, "reason", "REASON", false);
}

static km_error *report_vcpus(struct km_report *run, const struct selection *selections)
{
	const struct km_vms *vms = &run->ctx->vms;
	km_error *err = NULL;

	for (size_t i = 0; i < vms->count && !err; i++) {
		const struct km_vm *vm = &vms->vms[i];

		if (!is_selected(run, selections, vm, NULL))
			continue;
		km_count_vm(&run->counts, vm);
		for (size_t j = 0; j < vm->vcpu_count && !err; j++) {
			const struct km_vcpu *vcpu = &vm->vcpus[j];

			if (is_selected(run, selections, vm, vcpu))
				err = report_vcpu(run, vm, vcpu, is_named(run, selections, vcpu));
		}
	}
	return err;
}

static void add_other_vm(struct km_node *table, const struct km_vm *vm)
{
	struct km_node *row = km_doc_row(table);

	km_doc_cell(row, "number", km_v_dec(vm->number));
	km_doc_cell(row, "comm",
		    km_v_text(vm->comm[0] ? km_doc_text(table, "%s", vm->comm) : NULL));
	km_doc_cell(row, "pid", km_v_val(vm->pid, KM_V_DEC));
	km_doc_cell(row, "vcpus", km_v_val(vm->online_vcpus, KM_V_DEC));
	km_doc_cell(row, "kvm", km_v_hex(vm->addr));
}

static struct km_node *begin_other_vms(struct km_node *chapter)
{
	struct km_node *table = km_doc_table(chapter, "vms", NULL);

	km_doc_column(table, "number", "VM", true);
	km_doc_column(table, "comm", "VMM", false);
	km_doc_column(table, "pid", "PID", true);
	km_doc_column(table, "vcpus", "VCPUS", true);
	km_doc_column(table, "kvm", "STRUCT KVM", false);
	return table;
}

/* A chapter for VMs with one of a vCPU, and for those that were named; a line for the others. */
static km_error *report_vms(struct km_report *run, const struct selection *selections)
{
	struct km_node *list = km_doc_list(run->ctx->root, "vms");
	struct km_node *others = km_doc_chapter(run->ctx->root, "other_vms", "Other VMs");
	struct km_node *table = begin_other_vms(others);
	const struct km_vms *vms = &run->ctx->vms;
	uint64_t rest = 0, left_out = 0;
	km_error *err = NULL;

	for (size_t i = 0; i < vms->count && !err; i++) {
		if (!is_selected(run, selections, &vms->vms[i], NULL))
			continue;
		if (run->ctx->argc || run->vm_has_chapter[i])
			err = km_report_vm(run, list, &vms->vms[i]);
		else if (rest++ < MAX_LISTED)
			add_other_vm(table, &vms->vms[i]);
		else
			left_out++;
	}
	if (!rest)
		km_doc_machine_only(others);
	if (left_out)
		km_doc_note(others, "%" PRIu64 " more are left out: see \"kvmmmu vms\"", left_out);
	return err;
}

/* In text, the head that other answers have would precede the subject; JSON contains it. */
static void hide_source(struct km_node *root)
{
	for (struct km_node *n = root ? root->first : NULL; n; n = n->next) {
		if (n->key && !strcmp(n->key, "source"))
			km_doc_machine_only(n);
	}
}

static km_error *report(struct km_report *run, const struct selection *selections)
{
	struct km_node *root = run->ctx->root;
	struct km_node *summary = km_doc_section(root, "summary", NULL);
	km_error *err;

	hide_source(root);
	run->stuck = km_doc_list(root, "chapters");
	run->suspects = km_doc_list(root, "chapters");
	begin_others(run);
	run->moment = km_moments_describe(run->ctx, run->ctx->argc);
	err = report_vcpus(run, selections);
	km_describe_folded(run->others_chapter, &run->others);
	if (!km_vcpu_rows_any(&run->others))
		km_doc_machine_only(run->others_chapter);
	if (!err)
		err = km_report_host(run);
	if (!err)
		err = report_vms(run, selections);
	if (err)
		return err;
	fill_summary(run, summary);
	km_describe_idle_threads(run->ctx->root, &run->by);
	km_report_tool(run);
	if (run->redaction)
		km_report_redact(run);
	err = km_tasks_error(&run->by.tasks); /* then names may be missing */
	if (err)
		return err;
	return run->redaction && km_redaction_oom(run->redaction)
		       ? km_errorf(KM_ENOMEM, "out of memory")
		       : NULL;
}

km_error *km_command_report(struct km_command_context *ctx)
{
	struct km_report run = {.ctx = ctx, .by.options = {.form = KM_SPF_MERGED}};
	struct selection *selections = calloc((size_t)ctx->argc + 1, sizeof(*selections));
	km_error *err =
		selections ? km_context_read_vms(ctx) : km_errorf(KM_ENOMEM, "out of memory");

	if (!err && ctx->options.redact && ctx->options.names)
		err = km_errorf(KM_EUSAGE, "--redact and --with-names cannot be combined");

	km_vms_find_threads(ctx->kernel, &ctx->vms);
	if (!err)
		err = select_all(ctx, selections);
	if (!err)
		err = km_examiner_init(&run.by, ctx->kernel, &ctx->vms);
	if (!err)
		err = km_read_log(ctx, &run.log, &run.log_why);
	run.by.log = run.log;
	run.vm_has_chapter = calloc(ctx->vms.count + 1, sizeof(bool));
	run.redaction = ctx->options.redact ? km_redaction_new() : NULL;
	if (!err && (!run.vm_has_chapter || (ctx->options.redact && !run.redaction)))
		err = km_errorf(KM_ENOMEM, "out of memory");
	if (!err)
		err = report(&run, selections);
	km_examiner_deinit(&run.by);
	km_redaction_free(run.redaction);
	free(run.vm_has_chapter);
	free(run.log);
	free(selections);
	return err;
}
