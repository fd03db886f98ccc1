// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu explain: find out why a vCPU hangs or loops, and if it does not, what shows that. */
#include "commands/before.h"
#include "commands/cite_log.h"
#include "commands/command_context.h"
#include "commands/describe_audit.h"
#include "commands/state_counts.h"
#include "commands/describe_trace.h"
#include "commands/examine.h"
#include "commands/moments_json.h"
#include "commands/vcpu_rows.h"
#include "kernel/kernel_open.h"
#include "kernel/kernel_types.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WATCH_MS 100 /* the target runs between two samples */
/* More samples at most, until the last one of a loop has a fault to explain. */
#define WATCH_MORE 10

/* One run of the command. */
struct explain {
	struct km_command_context *ctx;
	struct km_examiner by;
	struct km_state_counts counts;
	struct km_vcpu_rows rows;  /* one line for each vCPU; no table: the user selected one */
	struct km_node *list;	   /* the details */
	struct km_node *moment;	   /* what diff compares of each vCPU, in JSON; else NULL */
	struct km_log *log;	   /* KVM's messages in the dump's log buffer */
	struct km_before *before;  /* --before; else NULL */
	bool unknown_fault;	   /* that of a vCPU of this VM */
	struct km_node *anomalies; /* of VMs in which it is; NULL: none yet */
	uint64_t without;	   /* vCPUs that it does not have */
	bool only[KM_STATE_UNKNOWN + 1]; /* --state: which are shown; all if none is set */
	bool chosen;
	uint64_t not_shown;
};

/* ---- the summary ---- */

/* @summary was begun before the vCPUs were counted: it comes first. */
static void describe_summary(struct km_node *summary, const struct km_state_counts *n,
			     bool for_people)
{
	struct km_value line = km_v_text(km_counts_text(summary, n));

	km_doc_field(summary, NULL, for_people && n->vms ? "" : NULL,
		     km_v_tone(line, n->stuck ? KM_TONE_ALARM : KM_TONE_PLAIN));
	km_describe_counts(summary, n);
}

static struct km_node *add_table(struct km_node *root)
{
	struct km_node *table = km_doc_table(root, NULL, NULL);

	km_doc_column(table, "vcpu", "VCPU", false);
	km_doc_column(table, "owner", "OWNER", false);
	km_doc_column(table, "state", "STATE", false);
	km_doc_column(table, "reason", "REASON", false);
	return table;
}

/* The first finding that is more than a note; NULL: none. */
static const struct km_diagnosis *main_finding(const struct km_explanation *e)
{
	for (size_t i = 0; i < e->count; i++) {
		if (e->found[i].certainty > KM_NOTE)
			return &e->found[i];
	}
	return NULL;
}

static bool deserves_details(const struct km_explanation *e)
{
	return main_finding(e) || e->state == KM_STATE_STUCK || e->state == KM_STATE_UNKNOWN;
}

/* What a vCPU waits for, in a few words: the details have the verdict. */
static const char *short_wait(enum km_wait_kind kind)
{
	switch (kind) {
	case KM_WAIT_NONE:
		return "KVM retries its fault";
	case KM_WAIT_HALT:
		return "the guest waits for an event";
	case KM_WAIT_APF:
		return "the guest waits for an asynchronous page fault";
	case KM_WAIT_USERSPACE:
		return "the VMM is not running it";
	case KM_WAIT_USERFAULT:
		return "it waits for userspace (userfaultfd)";
	case KM_WAIT_PAGE:
		return "it waits for a page of the host";
	case KM_WAIT_LOCK:
		return "it waits for a lock";
	case KM_WAIT_SRCU:
		return "it waits for an SRCU grace period";
	case KM_WAIT_OTHER:
	case KM_WAIT_UNKNOWN:
		break;
	}
	return "its thread is asleep";
}

/* The verdict or, as it is in the details, the finding that it is based on. */
static const char *cause_text(struct km_node *row, const struct km_case *c,
			      const struct km_explanation *e)
{
	const struct km_diagnosis *d = main_finding(e);
	const char *found =
		d ? km_doc_text(row, "%s (%s)", d->id, km_certainty_text(d->certainty)) : NULL;
	bool accused = e->state == KM_STATE_STUCK || e->state == KM_STATE_UNKNOWN;

	if (!deserves_details(e))
		return km_doc_text(row, "%s", e->verdict);
	if (!found || e->state == KM_STATE_NEVER_RAN)
		return "see below";
	/* what is wrong, but is not why it is in this state, must not seem to be the reason */
	if (!d->stuck && !accused)
		found = km_doc_text(row, "may be stopped by %s", found);
	if (e->state != KM_STATE_WAITING)
		return found;
	return km_doc_text(row, "%s; %s%s", short_wait(c->wait.kind), d->stuck ? "see " : "",
			   found);
}

static const char *reason_text(struct km_node *row, const struct km_case *c,
			       const struct km_explanation *e)
{
	const char *cause = cause_text(row, c, e);

	if (e->state == KM_STATE_UNKNOWN || e->state == KM_STATE_NEVER_RAN)
		return cause;
	return km_doc_text(row, "%s: %s", km_certainty_text(e->certainty), cause);
}

static void add_row(struct explain *run, const struct km_examined *x)
{
	const struct km_explanation *e = &x->e;
	struct km_node *row = km_vcpu_row(&run->rows, e->state, run->chosen);
	const char *comm = x->c.vm->comm[0] ? x->c.vm->comm : "?";

	km_doc_cell(row, "vcpu",
		    km_v_text(km_doc_text(row, "%u:%u", x->c.vm->number, x->c.vcpu->idx)));
	km_doc_cell(row, "owner", km_v_text(km_doc_text(row, "%s", comm)));
	km_doc_cell(row, "state",
		    km_v_tone(km_v_text(km_vcpu_state_name(e->state)), km_state_tone(e->state)));
	km_doc_cell(row, "reason", km_v_text(reason_text(row, &x->c, e)));
}

/* ---- --state ---- */

/* "never-ran" is one word here. */
static bool parse_state(const char *word, size_t len, enum km_vcpu_state *state)
{
	char text[16];

	if (len >= sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)len, word);
	for (char *at = text; *at; at++)
		*at = *at == '-' ? ' ' : *at;
	for (*state = 0; *state <= KM_STATE_UNKNOWN; ++*state) {
		if (!strcmp(text, km_vcpu_state_name(*state)))
			return true;
	}
	return false;
}

/* Choose the states in @list, with commas between them. NULL: all. */
static km_error *choose_states(struct explain *run, const char *list)
{
	enum km_vcpu_state state;
	size_t len;

	if (!list)
		return NULL;
	run->chosen = true;
	for (;; list += len + 1) {
		len = strcspn(list, ",");
		if (!parse_state(list, len, &state))
			return km_errorf(KM_EUSAGE, "there is no state \"%.*s\"", (int)len, list);
		run->only[state] = true;
		if (!list[len])
			return NULL;
	}
}

/* ---- one look ---- */

/* Show and count it; return the section of its details, NULL if it is not shown. */
static struct km_node *add_vcpu(struct explain *run, const struct km_examined *x)
{
	struct km_node *entry;

	km_count_state(&run->counts, x->e.state);
	if (x->e.state == KM_STATE_STUCK)
		km_context_finds(run->ctx, x->e.certainty);
	if (run->chosen && !run->only[x->e.state]) {
		run->not_shown++;
		return NULL;
	}
	entry = km_describe_case(run->list, &x->c, &x->e, run->ctx->options.trace);
	if (x->is_recorded)
		km_describe_recorded(entry, &x->recorded, &x->verdict);
	if (run->rows.table) {
		add_row(run, x);
		if (!deserves_details(&x->e))
			km_doc_machine_only(entry);
	}
	return entry;
}

/* Add a vCPU of which there may be an earlier dump. */
static void add_with_before(struct explain *run, struct km_examined *x)
{
	const struct km_moment now = km_moment_of(&x->c, &x->e);
	const struct km_moment *then = km_moments_find(&run->before->moments, &now);
	struct km_samples_verdict v;
	struct km_node *entry;

	if (then) {
		km_before_judge(run->before, then, &now, &v);
		km_before_settle(run->before, &v, &x->e);
	}
	entry = add_vcpu(run, x);
	if (then) {
		struct km_sample samples[] = {then->sample, now.sample};

		for (int i = 0; i < 2 && run->before->moments.by_owner; i++)
			km_sample_drop_addresses(&samples[i]);
		km_describe_looks(entry, "both", samples, 2, &v);
	} else {
		run->without++;
	}
}

static km_error *explain_vcpu(struct explain *run, const struct km_vm *vm,
			      const struct km_vcpu *vcpu)
{
	struct km_examined *x = calloc(1, sizeof(*x));
	km_error *err;

	if (!x)
		return km_errorf(KM_ENOMEM, "out of memory");
	err = km_examine(&run->by, vm, vcpu, x);
	if (!err && x->c.mmu && !km_case_is_current(&x->c))
		run->unknown_fault = true;
	if (!err) /* before another dump changes the verdict */
		km_moment_describe(run->moment, &x->c, &x->e);
	if (!err && run->before)
		add_with_before(run, x);
	else if (!err)
		add_vcpu(run, x);
	km_case_deinit(&x->c);
	free(x);
	return err;
}

/* Where the fault of a vCPU is not known, the anomalies of its VM's page tables. */
static km_error *explain_tables(struct explain *run, const struct km_vm *vm)
{
	bool unknown = run->unknown_fault;

	run->unknown_fault = false;
	return unknown ? km_describe_vm_anomalies(run->ctx->kernel, run->ctx->root, &run->anomalies,
						  vm, &run->by.tasks)
		       : NULL;
}

static km_error *explain_vm(struct explain *run, const struct km_vm *vm)
{
	km_error *err = NULL;

	km_count_vm(&run->counts, vm);
	for (size_t i = 0; i < vm->vcpu_count && !err; i++) {
		if (!vm->vcpus[i].left_out)
			err = explain_vcpu(run, vm, &vm->vcpus[i]);
	}
	if (!err)
		err = explain_tables(run, vm);
	if (vm->trouble)
		km_doc_note(run->ctx->root, "parts of VM %u are not readable: %s", vm->number,
			    vm->trouble);
	for (size_t i = 0; i < vm->contradictions.count; i++)
		km_doc_note(run->ctx->root, "VM %u contradicts itself: %s", vm->number,
			    vm->contradictions.text[i]);
	km_describe_lost_vcpus(run->ctx->root, vm);
	return err;
}

static km_error *explain_all(struct explain *run, const struct km_vm *only)
{
	const struct km_vms *vms = &run->ctx->vms;
	km_error *err = NULL;

	for (size_t i = 0; i < vms->count && !err; i++) {
		if (!vms->vms[i].left_out && (!only || only == &vms->vms[i]))
			err = explain_vm(run, &vms->vms[i]);
	}
	km_describe_left_out(run->ctx, only, true);
	km_describe_no_vms(run->ctx);
	return err;
}

/* ---- --watch: several samples of a target that runs in between ---- */

/* Let the target run for a moment; everything that was read before is then outdated. */
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
				"--watch needs a live kernel, in gdb or with \"kvmmmu live\"; this "
				"is a dump: compare it with an earlier one, with --before");
	if (!err)
		err = km_check_interrupt(ctx->kernel->mem);
	return err ? err : km_kernel_forget(ctx->kernel);
}

/* The cached symbols and types of kvm have to be those of the modules that are loaded. */
static km_error *check_modules(const struct km_kernel *kernel)
{
	bool same;
	km_error *err = km_kernel_same_modules(kernel, &same);

	if (err || same)
		return err;
	return km_errorf(KM_EABSENT, "kvm was unloaded, or loaded again, while it was watched");
}

/* Read all VMs again, and find the vCPU at @addr among them. */
static km_error *find_again(struct explain *run, uint64_t addr, struct km_vm **vm,
			    struct km_vcpu **vcpu)
{
	struct km_command_context *ctx = run->ctx;
	km_error *err = check_modules(ctx->kernel);

	if (err)
		return err;
	km_vms_deinit(&ctx->vms);
	err = km_vms_read(ctx->kernel, &ctx->vms);
	km_vms_find_threads(ctx->kernel, &ctx->vms);
	km_examiner_forget(&run->by, &ctx->vms);
	if (err || km_vcpu_at(&ctx->vms, addr, vm, vcpu))
		return err;
	if (ctx->vms.trouble)
		return km_errorf(KM_EREAD, "%s", ctx->vms.trouble);
	return km_errorf(KM_EABSENT,
			 "the VM has ended: there is no struct kvm_vcpu 0x%" PRIx64 " now", addr);
}

/*
 * As many samples as the user wants, and more while the last one of a loop has no fault to explain.
 */
static bool needs_look(const struct km_sample *samples, size_t count, size_t asked,
		       const struct km_samples_verdict *v)
{
	if (count < asked)
		return true;
	return v->trend == KM_TREND_LOOPS && !samples[count - 1].has_fault &&
	       count < asked + WATCH_MORE;
}

/* The target cannot run any more: keep the samples that were taken, if there are at least two. */
static bool keep_looks(struct explain *run, km_error *err, size_t count)
{
	if (count < 2 || km_error_code(err) != KM_EABSENT)
		return false;
	km_doc_note(run->ctx->root, "stopped after %zu samples: %s", count, km_error_text(err));
	km_error_free(err);
	return true;
}

/* The vCPU is not readable any more: report at least what the samples showed. */
static km_error *say_looks(km_error *err, size_t count, const struct km_samples_verdict *v)
{
	return km_error_context(err, "stopped after %zu samples (%s, %s: %s)", count,
				km_trend_name(v->trend), km_certainty_text(v->certainty), v->text);
}

static km_error *take_looks(struct explain *run, struct km_vm *vm, struct km_vcpu *vcpu,
			    struct km_examined *x, struct km_sample *samples)
{
	size_t asked = run->ctx->options.watch, count = 0;
	struct km_samples_verdict v = {.trend = KM_TREND_OPEN};
	uint64_t addr = vcpu->addr;
	km_error *err = NULL;

	while (needs_look(samples, count, asked, &v)) {
		if (count) {
			err = let_run(run->ctx);
			if (err && keep_looks(run, err, count))
				break;
			km_case_deinit(&x->c);
			if (!err)
				err = km_error_context(find_again(run, addr, &vm, &vcpu),
						       "after %zu sample%s", count,
						       count == 1 ? "" : "s");
		}
		if (!err)
			err = km_examine(&run->by, vm, vcpu, x);
		if (err)
			return count < 2 ? err : say_looks(err, count, &v);
		samples[count++] = km_sample_of(&x->c, &x->e);
		km_samples_judge(samples, count, &v);
	}
	if (count > asked)
		km_doc_note(run->ctx->root,
			    "%zu more sample%s taken than asked for: the last ones had no fault",
			    count - asked, count - asked == 1 ? " was" : "s were");
	km_moment_describe(run->moment, &x->c, &x->e);
	km_samples_settle(&v, &x->e);
	km_describe_looks(add_vcpu(run, x), "watched", samples, count, &v);
	return NULL;
}

static km_error *watch_vcpu(struct explain *run, struct km_vm *vm, struct km_vcpu *vcpu)
{
	size_t most = run->ctx->options.watch + WATCH_MORE;
	struct km_sample *samples = calloc(most, sizeof(*samples));
	struct km_examined *x = calloc(1, sizeof(*x));
	km_error *err = samples && x ? take_looks(run, vm, vcpu, x, samples)
				     : km_errorf(KM_ENOMEM, "out of memory");

	if (x)
		km_case_deinit(&x->c);
	free(x);
	free(samples);
	return err;
}

/* ---- the command ---- */

static km_error *check_options(const struct km_command_options *o, const struct km_vcpu *vcpu)
{
	if (!vcpu && (o->has_addr || o->has_error_code || o->mmu || o->watch))
		return km_errorf(KM_EUSAGE, "-a, -e, -m and --watch need a VCPU argument");
	if (o->before && (o->has_addr || o->has_error_code || o->watch))
		return km_errorf(KM_EUSAGE,
				 "an earlier dump is compared by the vCPUs' own faults: it "
				 "cannot be combined with -a, -e or --watch");
	if (o->watch && (o->has_addr || o->has_error_code))
		return km_errorf(KM_EUSAGE, "--watch follows the vCPU's own faults: it cannot be "
					    "combined with -a or -e");
	return NULL;
}

/* Is the answer about the vCPUs' own faults, as KVM handles them? */
static bool has_own_faults(const struct km_command_options *o)
{
	return !o->has_addr && !o->has_error_code && !o->mmu && !o->v1;
}

static km_error *explain(struct explain *run, struct km_vm *vm, struct km_vcpu *vcpu)
{
	struct km_node *summary = km_doc_compact(run->ctx->root, "summary", NULL);
	km_error *err;

	if (!vcpu)
		run->rows.table = add_table(run->ctx->root);
	run->list = km_doc_list(run->ctx->root, "vcpus");
	if (has_own_faults(&run->ctx->options))
		run->moment = km_moments_describe(run->ctx, run->ctx->argc);
	if (!vcpu) {
		err = explain_all(run, vm);
	} else {
		run->counts.vms = 1;
		err = run->ctx->options.watch ? watch_vcpu(run, vm, vcpu)
					      : explain_vcpu(run, vm, vcpu);
		if (!err && !run->ctx->options.watch)
			err = explain_tables(run, vm);
	}
	describe_summary(summary, &run->counts, !vcpu);
	return err;
}

/* Report at the end of the answer what else it depends on. */
static void describe_rest(struct explain *run)
{
	struct km_node *root = run->ctx->root;

	km_describe_folded(root, &run->rows);
	if (run->not_shown)
		km_doc_note(root, "%" PRIu64 " vCPU%s in other states %s not shown", run->not_shown,
			    run->not_shown == 1 ? "" : "s", run->not_shown == 1 ? "is" : "are");
	if (run->without)
		km_doc_note(root, "%" PRIu64 " vCPU%s not in %s: there is no verdict of both on %s",
			    run->without, run->without == 1 ? " is" : "s are", run->before->file,
			    run->without == 1 ? "it" : "them");
	km_describe_idle_threads(root, &run->by);
	km_describe_log_briefly(root, run->log);
}

/* --before: the boots are compared first. */
static km_error *read_before(struct explain *run, const struct km_vm *vm,
			     const struct km_vcpu *vcpu, struct km_before *before)
{
	const struct km_moments_scope scope = km_moments_scope_of(vm, vcpu);
	struct km_moments now = {0};
	km_error *err;

	if (!run->ctx->options.before)
		return NULL;
	err = km_before_read(run->ctx, &scope, before);
	if (err)
		return err;
	km_boot_read(run->ctx->kernel, &now.boot);
	km_before_relate(before, &now);
	err = km_before_check(before);
	if (err)
		return err;
	run->before = before;
	km_describe_before(run->ctx->root, before);
	return NULL;
}

km_error *km_command_explain(struct km_command_context *ctx)
{
	const struct km_command_options *o = &ctx->options;
	struct explain run = {
		.ctx = ctx,
		.by.kernel = ctx->kernel,
		.by.options = {.has_addr = o->has_addr,
			       .has_error_code = o->has_error_code,
			       .addr = o->addr,
			       .error_code = o->error_code,
			       .mmu = o->mmu,
			       .form = o->v1 ? KM_SPF_V1 : KM_SPF_MERGED},
	};
	struct km_before before = {0};
	struct km_vm *vm = NULL;
	struct km_vcpu *vcpu = NULL;
	km_error *err = km_context_read_vms(ctx);

	km_vms_find_threads(ctx->kernel, &ctx->vms);
	if (!err)
		err = km_select(ctx, &vm, &vcpu);
	if (!err)
		err = check_options(o, vcpu);
	if (!err)
		err = choose_states(&run, o->states);
	if (!err)
		err = read_before(&run, vm, vcpu, &before);
	km_examiner_forget(&run.by, &ctx->vms);
	if (!err && !o->watch) /* what ftrace recorded was before the samples of --watch */
		err = km_examiner_init(&run.by, ctx->kernel, &ctx->vms);
	if (!err)
		err = km_read_log(ctx, &run.log,
				  NULL); /* "kvmmmu DUMP log" reports what is not readable */
	run.by.log = run.log;
	if (!err)
		err = explain(&run, vm, vcpu);
	if (!err)
		describe_rest(&run);
	free(run.log);
	km_examiner_deinit(&run.by);
	km_before_deinit(&before);
	return err;
}
