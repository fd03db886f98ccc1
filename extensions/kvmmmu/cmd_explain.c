// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu explain: why does this vCPU hang or loop, and if it does not, on what that rests. */
#include "command_context.h"
#include "samples.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WATCH_MS   100 /* the target runs between two looks */
#define WATCH_MORE 10  /* looks at most, so that the last one of a loop has its fault to explain */

struct job {
	struct km_command_context *ctx;
	struct km_tasks tasks;
	struct km_case_options options;
	struct km_node *summary, *list;
	bool one; /* the user asks about one vCPU: all details, whatever its state */
};

/* A case and what was made of it; too large for the stack. */
struct explained {
	struct km_case c;
	struct km_explanation e;
};

static enum km_tone state_tone(enum km_vcpu_state state)
{
	return state == KM_STATE_STUCK	   ? KM_TONE_ALARM
	       : state == KM_STATE_UNKNOWN ? KM_TONE_WARN
	       : state == KM_STATE_HEALTHY ? KM_TONE_GOOD
					   : KM_TONE_PLAIN;
}

/* "stuck (likely)"; the certainty is left out where nothing is judged. */
static const char *state_text(struct km_node *node, const struct km_explanation *e)
{
	if (e->state == KM_STATE_UNKNOWN || e->state == KM_STATE_NEVER_RAN)
		return km_vcpu_state_name(e->state);
	return km_text(node, "%s (%s)", km_vcpu_state_name(e->state),
		       km_certainty_text(e->certainty));
}

/* What to do next stands for people with the first finding only: the others follow from it. */
static void describe_finding(struct km_node *entry, const struct km_diagnosis *d, bool first)
{
	struct km_node *f = km_finding(entry, d->id, d->certainty, "%s", d->verdict);

	km_field(f, "stuck", NULL, km_v_bool(d->stuck));
	for (size_t i = 0; i < d->evidence_count; i++)
		km_point(f, "evidence", "%s", d->evidence[i]);
	km_field(f, "open", d->open[0] ? "open" : NULL,
		 km_v_text(d->open[0] ? km_text(f, "%s", d->open) : NULL));
	km_field(f, "known_cases", d->known_cases ? "known" : NULL, km_v_text(d->known_cases));
	km_field(f, "advice", d->advice && first ? "next" : NULL, km_v_text(d->advice));
}

static const char *fault_text(struct km_node *node, const struct km_fault *f)
{
	const char *meaning =
		f->mmu ? km_walk_address_text(km_mmu_address_meaning(f->mmu)) : "address";
	char spelled[128];

	return km_text(node, "%s %s%s%s%s%s", meaning,
		       km_is_known(f->addr) ? km_text(node, "0x%" PRIx64, f->addr.v) : "?",
		       ", error code ",
		       km_is_known(f->error_code) ? km_text(node, "0x%" PRIx64, f->error_code.v)
						  : "?",
		       km_is_known(f->error_code) ? " = " : "",
		       km_is_known(f->error_code)
			       ? km_pferr_spell(f->error_code.v, spelled, sizeof(spelled))
			       : "");
}

static void describe_source(struct km_node *list, const struct km_case *c, const struct km_fault *f)
{
	struct km_node *s = km_section(list, NULL, NULL);

	km_field(s, "source", NULL, km_v_text(km_fault_source_text(f->source)));
	km_field(s, "age", NULL, km_v_text(km_fault_age_text(f->age)));
	km_field(s, "judged", NULL, km_v_bool(f == c->fault));
	km_field(s, "address", NULL, km_v_val(f->addr, KM_V_HEX));
	km_field(s, "error_code", NULL, km_v_val(f->error_code, KM_V_HEX));
	km_field(s, "mmu", NULL, km_v_text(f->mmu ? f->mmu->name : NULL));
	km_field(s, "from", NULL, km_v_text(km_text(s, "%s", f->from)));
	km_field(s, "limits", NULL, km_v_text(f->limits[0] ? km_text(s, "%s", f->limits) : NULL));
	if (f->source != KM_FAULT_STACK)
		return;
	km_field(s, "kvm_page_fault", NULL, km_v_hex(f->pf.address));
	km_field(s, "gfn", NULL, km_v_val(f->pf.gfn, KM_V_HEX));
	km_field(s, "pfn", NULL, km_v_val(f->pf.pfn, KM_V_HEX));
	km_field(s, "hva", NULL, km_v_val(f->pf.hva, KM_V_HEX));
	km_field(s, "slot", NULL, km_v_val(f->pf.slot, KM_V_HEX));
	km_field(s, "mmu_seq", NULL, km_v_val(f->pf.mmu_seq, KM_V_DEC));
}

static void describe_faults(struct km_node *entry, const struct km_case *c)
{
	const struct km_last_fault *last = &c->last;
	struct km_node *section = km_section(entry, "fault", NULL);
	struct km_node *list;

	if (c->fault) {
		km_field(section, NULL, "fault", km_v_text(fault_text(section, c->fault)));
		km_field(section, NULL, "from",
			 km_v_text(km_text(section, "%s; %s%s%s", c->fault->from,
					   km_fault_age_text(c->fault->age),
					   c->fault->limits[0] ? "; " : "", c->fault->limits)));
	} else {
		km_field(section, NULL, "fault",
			 km_v_text(km_text(section, "none%s%s", last->none[0] ? ": " : "",
					   last->none)));
	}
	km_field(section, "address", NULL,
		 c->has_addr ? km_v_hex(c->addr) : km_v_none("not known"));
	km_field(section, "address_is", NULL,
		 km_v_text(c->mmu ? km_walk_address_text(km_mmu_address_meaning(c->mmu)) : NULL));
	km_field(section, "error_code", NULL,
		 c->has_error_code ? km_v_hex(c->error_code) : km_v_none("not known"));
	km_field(section, "gfn", NULL, c->gfn_known ? km_v_hex(c->gfn) : km_v_none("not known"));
	km_field(section, "hva", NULL, c->has_hva ? km_v_hex(c->hva) : km_v_none("not known"));
	for (size_t i = 0; i < last->count; i++) {
		const struct km_fault *f = &last->faults[i];

		if (f != c->fault && f->age != KM_AGE_RESIDUE)
			km_field(section, NULL, "also",
				 km_v_text(km_text(section, "%s, by %s; %s", fault_text(section, f),
						   f->from, km_fault_age_text(f->age))));
	}
	km_field(section, "disagreement", last->disagreement[0] ? "differ" : NULL,
		 km_v_text(last->disagreement[0] ? km_text(section, "%s", last->disagreement)
						 : NULL));
	km_field(section, "none", NULL,
		 km_v_text(last->none[0] ? km_text(section, "%s", last->none) : NULL));
	list = km_list(entry, "faults");
	km_machine_only(list);
	for (size_t i = 0; i < last->count; i++)
		describe_source(list, c, &last->faults[i]);
}

/* Where its thread is: one line for people, the frames for machines. */
static void describe_stack(struct km_node *entry, const struct km_case *c)
{
	const struct km_stack *stack = &c->last.stack;
	struct km_node *section = km_section(entry, "thread", NULL);
	const char *line = "";
	struct km_node *table;
	size_t shown = 0;

	for (size_t i = 0; c->last.has_stack && i < stack->count && shown < 8; i++) {
		const struct km_frame *f = &stack->frames[i];

		if (!f->sure || !f->function[0])
			continue;
		line = km_text(section, "%s%s%s", line, shown ? " < " : "", f->function);
		shown++;
	}
	if (shown)
		km_field(section, NULL, "stack", km_v_text(line));
	km_field(section, "wait", NULL, km_v_text(km_wait_kind_name(c->wait.kind)));
	km_field(section, "wait_text", NULL,
		 km_v_text(c->wait.text[0] ? km_text(section, "%s", c->wait.text) : NULL));
	km_field(section, "lock", NULL,
		 km_v_text(c->wait.lock[0] ? km_text(section, "%s", c->wait.lock) : NULL));
	km_field(section, "trouble", NULL,
		 km_v_text(stack->trouble[0] ? km_text(section, "%s", stack->trouble) : NULL));
	table = km_table(section, "frames", NULL);
	km_machine_only(table);
	km_column(table, "function", "", false);
	km_column(table, "offset", "", false);
	km_column(table, "sure", "", false);
	for (size_t i = 0; c->last.has_stack && i < stack->count; i++) {
		const struct km_frame *f = &stack->frames[i];
		struct km_node *row = km_row(table);

		km_cell(row,
			km_v_text(f->function[0] ? km_text(section, "%s", f->function) : NULL));
		km_cell(row, km_v_hex(f->offset));
		km_cell(row, km_v_bool(f->sure));
	}
}

/* Everything about one vCPU: verdict first, evidence next, then what it rests on. */
static struct km_node *describe(struct job *job, const struct explained *x)
{
	const struct km_case *c = &x->c;
	const struct km_explanation *e = &x->e;
	struct km_node *entry = km_section(job->list, NULL, NULL);

	km_describe_vcpu(entry, "about", c->vm, c->vcpu);
	km_field(entry, "vm", NULL, km_v_dec(c->vm->number));
	km_field(entry, "vcpu", NULL, km_v_dec(c->vcpu->idx));
	km_field(entry, "state", NULL, km_v_text(km_vcpu_state_name(e->state)));
	km_field(entry, "certainty", NULL, km_v_text(km_certainty_text(e->certainty)));
	km_field(entry, NULL, state_text(entry, e),
		 km_v_tone(km_v_text(km_text(entry, "%s", e->verdict)), state_tone(e->state)));
	km_field(entry, "verdict", NULL, km_v_text(km_text(entry, "%s", e->verdict)));
	km_list(entry, "findings"); /* there even if it is empty */
	for (size_t i = 0; i < e->count; i++)
		describe_finding(entry, &e->found[i], !i);
	describe_faults(entry, c);
	describe_stack(entry, c);
	if (c->has_addr && c->gfn_known)
		km_describe_memslot(entry, c->slot, c->slots_known);
	if (c->has_walk)
		km_describe_walk(entry, c->kernel, c->mmu, &c->walk, !job->ctx->options.trace);
	if (c->has_panel) {
		struct km_node *panel = km_section(entry, "panel", NULL);

		km_machine_only(km_describe_judges(panel, &c->panel));
	}
	if (c->has_path)
		km_describe_path(entry, &c->path, job->ctx->options.trace);
	return entry;
}

static bool deserves_details(const struct km_explanation *e)
{
	for (size_t i = 0; i < e->count; i++) {
		if (e->found[i].certainty > KM_NOTE)
			return true;
	}
	return e->state == KM_STATE_STUCK || e->state == KM_STATE_UNKNOWN;
}

static void summarize(struct job *job, const struct explained *x)
{
	const struct km_explanation *e = &x->e;
	struct km_node *row = km_row(job->summary);

	km_cell(row, km_v_text(km_text(row, "%u:%u", x->c.vm->number, x->c.vcpu->idx)));
	km_cell(row, km_v_text(x->c.vm->comm[0] ? km_text(row, "%s", x->c.vm->comm) : "?"));
	km_cell(row, km_v_tone(km_v_text(km_vcpu_state_name(e->state)), state_tone(e->state)));
	km_cell(row, km_v_text(e->state == KM_STATE_STUCK
				       ? km_text(row, "%s: %s", km_certainty_text(e->certainty),
						 e->verdict)
				       : km_text(row, "%s", e->verdict)));
}

static km_error *examine(struct job *job, const struct km_vm *vm, const struct km_vcpu *vcpu,
			 struct explained *x)
{
	km_error *err = km_case_read(job->ctx->kernel, vm, vcpu, &job->tasks, &job->options, &x->c);

	if (!err)
		km_explain_case(&x->c, &x->e);
	return err;
}

static km_error *explain_vcpu(struct job *job, const struct km_vm *vm, const struct km_vcpu *vcpu)
{
	struct explained *x = calloc(1, sizeof(*x));
	km_error *err;

	if (!x)
		return km_errorf(KM_ENOMEM, "out of memory");
	err = examine(job, vm, vcpu, x);
	if (!err) {
		struct km_node *entry = describe(job, x);

		if (job->summary)
			summarize(job, x);
		if (!job->one && !deserves_details(&x->e))
			km_machine_only(entry);
	}
	km_case_deinit(&x->c);
	free(x);
	return err;
}

static void add_summary(struct job *job)
{
	job->summary = km_table(job->ctx->root, NULL, NULL);
	km_column(job->summary, NULL, "VCPU", false);
	km_column(job->summary, NULL, "OWNER", false);
	km_column(job->summary, NULL, "STATE", false);
	km_column(job->summary, NULL, "BECAUSE", false);
}

static km_error *explain_all(struct job *job, const struct km_vm *only)
{
	const struct km_vms *vms = &job->ctx->vms;
	km_error *err = NULL;

	for (size_t i = 0; i < vms->count && !err; i++) {
		const struct km_vm *vm = &vms->vms[i];

		if (only && only != vm)
			continue;
		for (size_t j = 0; j < vm->vcpu_count && !err; j++)
			err = explain_vcpu(job, vm, &vm->vcpus[j]);
		if (vm->trouble)
			km_note(job->ctx->root, "not all of VM %u is readable: %s", vm->number,
				vm->trouble);
		km_describe_lost_vcpus(job->ctx->root, vm);
	}
	if (!vms->count && !vms->trouble)
		km_note(job->ctx->root, "kvm is loaded, and there are no VMs");
	return err;
}

/* ---- --watch: several looks at a target that runs in between ---- */

/* Lets the target run for a moment; then all that was read is old. */
static km_error *let_run(struct km_command_context *ctx)
{
	struct km_target *target = km_memory_target(ctx->kernel->mem);
	const struct timespec moment = {.tv_nsec = WATCH_MS * 1000000L};
	km_error *err = NULL;

	if (target->ops->resume_for)
		err = target->ops->resume_for(target, WATCH_MS);
	else if (target->moving)
		nanosleep(&moment, NULL);
	else
		err = km_errorf(KM_EABSENT,
				"a dump does not run: --watch is for a live kernel, in gdb or "
				"with \"kvmmmu live\"; here, compare with a second dump");
	if (!err)
		err = km_check_interrupt(ctx->kernel->mem);
	km_memory_forget(ctx->kernel->mem);
	return err;
}

/* All VMs anew, and in them the vCPU at @addr. */
static km_error *find_again(struct job *job, uint64_t addr, struct km_vm **vm,
			    struct km_vcpu **vcpu)
{
	struct km_command_context *ctx = job->ctx;
	char word[24];
	km_error *err;

	km_tasks_deinit(&job->tasks);
	km_vms_deinit(&ctx->vms);
	err = km_vms_read(ctx->kernel, &ctx->vms);
	km_vms_find_threads(ctx->kernel, &ctx->vms);
	if (!err)
		err = km_tasks_read(ctx->kernel, &ctx->vms, &job->tasks);
	snprintf(word, sizeof(word), "0x%" PRIx64, addr);
	return err ? err : km_select_vcpu(&ctx->vms, word, vm, vcpu);
}

static void describe_looks(struct km_node *entry, const struct km_sample *s, size_t count,
			   const struct km_samples_verdict *v)
{
	struct km_node *section = km_section(entry, "watch", NULL), *table;

	km_field(section, "trend", NULL, km_v_text(km_trend_name(v->trend)));
	km_field(section, "certainty", NULL, km_v_text(km_certainty_text(v->certainty)));
	km_field(section, "text", "watched", km_v_text(km_text(section, "%s", v->text)));
	table = km_table(section, "looks", NULL);
	km_column(table, "address", "ADDRESS", false);
	km_column(table, "error_code", "ERROR CODE", false);
	km_column(table, "rip", "RIP", false);
	km_column(table, "exits", "EXITS", true);
	km_column(table, "pf_taken", "PF", true);
	km_column(table, "pf_fixed", "FIXED", true);
	km_column(table, "pf_spurious", "SPUR", true);
	km_column(table, "pf_emulate", "EMUL", true);
	km_column(table, "spte", "SPTE", false);
	for (size_t i = 0; i < count; i++) {
		struct km_node *row = km_row(table);

		km_cell(row, s[i].has_fault ? km_v_hex(s[i].addr) : km_v_none("-"));
		km_cell(row, km_v_val(s[i].error_code, KM_V_HEX));
		km_cell(row, km_v_val(s[i].rip, KM_V_HEX));
		km_cell(row, km_v_val(s[i].exits, KM_V_DEC));
		km_cell(row, km_v_val(s[i].pf_taken, KM_V_DEC));
		km_cell(row, km_v_val(s[i].pf_fixed, KM_V_DEC));
		km_cell(row, km_v_val(s[i].pf_spurious, KM_V_DEC));
		km_cell(row, km_v_val(s[i].pf_emulate, KM_V_DEC));
		km_cell(row, s[i].has_spte ? km_v_hex(s[i].spte) : km_v_none("-"));
	}
}

static km_error *watch(struct job *job, struct km_vm *vm, struct km_vcpu *vcpu)
{
	size_t asked = job->ctx->options.watch + 1, count = 0;
	struct km_sample *samples = calloc(asked + WATCH_MORE, sizeof(*samples));
	struct explained *x = calloc(1, sizeof(*x));
	uint64_t addr = vcpu->addr;
	struct km_samples_verdict v = {.trend = KM_TREND_OPEN};
	km_error *err = samples && x ? NULL : km_errorf(KM_ENOMEM, "out of memory");

	while (!err &&
	       (count < asked || (v.trend == KM_TREND_LOOPS && !samples[count - 1].has_fault &&
				  count < asked + WATCH_MORE))) {
		if (count) {
			km_case_deinit(&x->c);
			err = let_run(job->ctx);
			if (!err)
				err = find_again(job, addr, &vm, &vcpu);
		}
		if (!err)
			err = examine(job, vm, vcpu, x);
		if (!err)
			samples[count++] = km_sample_of(&x->c, &x->e);
		km_samples_judge(samples, count, &v);
	}
	if (!err) {
		km_samples_settle(&v, &x->e);
		describe_looks(describe(job, x), samples, count, &v);
	}
	if (x)
		km_case_deinit(&x->c);
	free(x);
	free(samples);
	return err;
}

km_error *km_command_explain(struct km_command_context *ctx)
{
	const struct km_command_options *o = &ctx->options;
	struct job job = {
		.ctx = ctx,
		.options = {.has_addr = o->has_addr,
			    .has_error_code = o->has_error_code,
			    .addr = o->addr,
			    .error_code = o->error_code,
			    .mmu = o->mmu,
			    .form = o->v1 ? KM_SPF_V1 : KM_SPF_MERGED},
	};
	struct km_vm *vm = NULL;
	struct km_vcpu *vcpu = NULL;
	km_error *err = km_context_read_vms(ctx);

	km_vms_find_threads(ctx->kernel, &ctx->vms);
	if (!err)
		err = km_select(ctx, &vm, &vcpu);
	if (!err && !vcpu && (o->has_addr || o->has_error_code || o->mmu || o->watch))
		err = km_errorf(KM_EUSAGE, "-a, -e, -m and --watch are about one vCPU: say which");
	if (!err && o->watch && (o->has_addr || o->has_error_code))
		err = km_errorf(KM_EUSAGE, "--watch looks at the vCPU's own faults: no -a and -e");
	if (!err)
		err = km_tasks_read(ctx->kernel, &ctx->vms, &job.tasks);
	job.one = vcpu;
	if (!err && !vcpu)
		add_summary(&job);
	if (!err)
		job.list = km_list(ctx->root, "vcpus");
	if (!err)
		err = !vcpu	 ? explain_all(&job, vm)
		      : o->watch ? watch(&job, vm, vcpu)
				 : explain_vcpu(&job, vm, vcpu);
	km_tasks_deinit(&job.tasks);
	return err;
}
