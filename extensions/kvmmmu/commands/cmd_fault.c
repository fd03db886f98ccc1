// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu fault: the walk of a fault, and the results of the four checks. */
#include "diagnose/case_read.h"
#include "commands/command_context.h"
#include "diagnose/case.h"
#include "kvm/svm.h"

#include <inttypes.h>
#include <stdlib.h>

static const char *exit_text(struct km_node *node, uint64_t exit_code)
{
	const char *name = km_svm_exit_name(exit_code);

	return km_doc_text(node, "0x%" PRIx64 "%s%s%s", exit_code, name ? " (" : "",
			   name ? name : "", name ? ")" : "");
}

/* A dump shows one moment: what the vCPU may have done since its last exit. */
static const char *last_exit_text(const struct km_vcpu *vcpu)
{
	if (!km_is_known(vcpu->mode))
		return "last exit; it is not known whether the vCPU has re-entered the guest since";
	if (km_vcpu_in_guest(vcpu))
		return "last exit; the vCPU is in the guest again: the fault may have been fixed "
		       "since";
	return "last exit; the vCPU is outside the guest: the fault is being handled, or has been "
	       "handled";
}

/* NULL: the user's own fault. */
static const char *age_text(const struct km_fault *f, const struct km_vcpu *vcpu)
{
	switch (f->age) {
	case KM_AGE_IN_HANDLER:
		return "in handler: KVM is handling it at this moment";
	case KM_AGE_LAST_EXIT:
		return last_exit_text(vcpu);
	case KM_AGE_RESIDUE:
	case KM_AGE_UNKNOWN:
	case KM_AGE_RECORDED:
		break;
	}
	return f->source == KM_FAULT_USER ? NULL : km_fault_age_text(f->age);
}

static void describe_exit(struct km_node *node, const struct km_vmcb *vmcb)
{
	struct km_node *exit = km_doc_compact(node, "last_exit", NULL);

	km_doc_field(exit, NULL, "last exit", km_v_text(exit_text(node, vmcb->exit_code.v)));
	km_doc_field(exit, "exit_code", NULL, km_v_val(vmcb->exit_code, KM_V_HEX));
	km_doc_field(exit, "exit_name", NULL, km_v_text(km_svm_exit_name(vmcb->exit_code.v)));
	km_doc_field(exit, "exit_info_1", "info1", km_v_val(vmcb->exit_info_1, KM_V_HEX));
	km_doc_field(exit, "exit_info_2", "info2", km_v_val(vmcb->exit_info_2, KM_V_HEX));
	km_doc_field(exit, "vmcb", "in", km_v_text(vmcb->name));
	km_doc_field(exit, "vmcb_address", NULL, km_v_hex(vmcb->addr));
}

/* AMD: show the last exit, even if it was not a fault. */
static km_error *show_exit(struct km_command_context *ctx, const struct km_vcpu *vcpu)
{
	struct km_vmcb vmcb;
	km_error *err = km_vmcb_read(ctx->kernel, vcpu, &vmcb);

	if (!err)
		describe_exit(ctx->root, &vmcb);
	return err;
}

/* What is known about a fault that cannot be judged, or about an older one. */
static const char *rest_text(struct km_node *node, const struct km_last_fault *last)
{
	size_t users = last->count && last->faults[0].source == KM_FAULT_USER;
	const struct km_fault *f = &last->faults[users];

	if (last->count == users || f->source == KM_FAULT_HINT)
		return "";
	if (f->source == KM_FAULT_STACK && km_is_known(f->addr) && km_is_known(f->error_code))
		return km_doc_text(
			node,
			"; the stack of its thread still holds %s: -a 0x%" PRIx64 " -e 0x%" PRIx64,
			f->age == KM_AGE_RESIDUE ? "an older fault, which has been handled" : "one",
			f->addr.v, f->error_code.v);
	return km_doc_text(node, "; known are %s%s%s", f->from, f->limits[0] ? ": " : "",
			   f->limits);
}

/* Report why there is no fault to check. */
static km_error *none_found(struct km_command_context *ctx, const struct km_case *c)
{
	const char *rest = rest_text(ctx->root, &c->last);

	if (ctx->kernel->vendor == KM_VENDOR_INTEL)
		return km_errorf(KM_EABSENT,
				 "on Intel, KVM keeps no copy of the faulting address after the "
				 "exit: supply a fault with -a and -e%s",
				 rest);
	km_doc_note(ctx->root, "%s; supply one with -a and -e%s",
		    c->last.none[0] ? c->last.none
				    : "no fault with both an address and an error code was found",
		    rest);
	return NULL;
}

static void describe_question(struct km_command_context *ctx, const struct km_case *c)
{
	struct km_node *q = km_doc_section(ctx->root, "fault", NULL);
	const char *meaning = km_walk_address_text(km_mmu_address_meaning(c->mmu));
	const char *age = age_text(c->fault, c->vcpu);
	char spelled[128];

	km_pferr_spell(c->error_code, spelled, sizeof(spelled));
	km_doc_field(q, NULL, "fault",
		     km_v_text(km_fault_text(q, c->mmu, km_known_val(c->addr),
					     km_known_val(c->error_code))));
	km_doc_field(q, "address", NULL, km_v_hex(c->addr));
	km_doc_field(q, "address_is", NULL, km_v_text(meaning));
	km_doc_field(q, "error_code", NULL, km_v_hex(c->error_code));
	km_doc_field(q, "error_code_spelled", NULL, km_v_text(km_doc_text(q, "%s", spelled)));
	km_doc_field(q, "from", "from", km_v_text(km_doc_text(q, "%s", c->fault->from)));
	km_doc_field(q, "age", age ? "age" : NULL, km_v_text(age));
}

/* What follows from the rulings, for machines; people see notes and findings. */
static struct km_node *add_meanings(struct km_node *section)
{
	struct km_node *table = km_doc_table(section, "meanings", NULL);

	km_doc_machine_only(table);
	km_doc_column(table, "id", NULL, false);
	km_doc_column(table, "certainty", NULL, false);
	km_doc_column(table, "text", NULL, false);
	return table;
}

static void add_meaning(struct km_node *table, const struct km_meaning *m)
{
	struct km_node *row = km_doc_row(table);

	km_doc_cell(row, "id", km_v_text(m->id));
	km_doc_cell(row, "certainty", km_v_text(km_certainty_text(m->certainty)));
	km_doc_cell(row, "text", km_v_text(km_doc_text(table, "%s", m->text)));
}

static void describe_panel(struct km_node *root, const struct km_panel *panel)
{
	struct km_node *section = km_doc_section(root, "panel", NULL);
	struct km_node *meanings;

	km_describe_judges(section, panel);
	meanings = add_meanings(section);
	for (size_t i = 0; i < panel->meaning_count; i++) {
		const struct km_meaning *m = &panel->meanings[i];

		add_meaning(meanings, m);
		if (m->certainty == KM_NOTE)
			km_doc_note(section, "%s", m->text);
		else
			km_doc_finding(section, m->id, m->certainty, "%s", m->text);
	}
}

static km_error *judge(struct km_command_context *ctx, const struct km_case *c)
{
	const struct km_command_options *o = &ctx->options;

	if (!c->mmu->readable) {
		km_doc_note(ctx->root,
			    "the role of %s is not readable: there is no walk, and the fault "
			    "cannot be checked",
			    c->mmu->name);
		return NULL;
	}
	if (!c->has_addr || !c->has_error_code)
		return none_found(ctx, c);
	if (c->fault->gmet && !o->has_error_code)
		km_doc_note(ctx->root,
			    "GMET: the U bit of this fetch is taken from the CPL, as KVM does");
	if (c->last.disagreement[0])
		km_doc_note(ctx->root, "%s", c->last.disagreement);
	describe_question(ctx, c);
	if (c->gfn_known)
		km_describe_memslot(ctx->root, c->slot, c->slots_known);
	km_describe_walk(ctx->root, ctx->kernel, c->mmu, &c->walk, false);
	if (o->v1)
		km_doc_note(ctx->root, "checked with spte_permission_fault() as it was first "
				       "posted, which does not mask the error code");
	describe_panel(ctx->root, &c->panel);
	if (o->trace)
		km_describe_path(ctx->root, &c->path, NULL, true);
	return NULL;
}

km_error *km_command_fault(struct km_command_context *ctx)
{
	const struct km_command_options *o = &ctx->options;
	struct km_case_options options = {.has_addr = o->has_addr,
					  .has_error_code = o->has_error_code,
					  .addr = o->addr,
					  .error_code = o->error_code,
					  .form = o->v1 ? KM_SPF_V1 : KM_SPF_MERGED,
					  .depth = o->trace ? KM_CASE_PATH : KM_CASE_WALK};
	struct km_subject s;
	struct km_case *c;
	km_error *err = km_context_subject(ctx, ctx->argv[0], &s);

	if (err)
		return err;
	c = calloc(1, sizeof(*c));
	if (!c)
		return km_errorf(KM_ENOMEM, "out of memory");
	options.mmu = s.mmu->name;
	km_describe_vcpu(ctx->root, "vcpu", s.vm, s.vcpu);
	if (ctx->kernel->vendor != KM_VENDOR_INTEL && !km_vcpu_never_ran(s.vcpu) &&
	    !(o->has_addr && o->has_error_code))
		err = km_error_context(show_exit(ctx, s.vcpu),
				       "cannot find a fault; supply one with -a and -e");
	if (!err)
		err = km_case_read(ctx->kernel, s.vm, s.vcpu, NULL, &options, c);
	if (!err)
		err = judge(ctx, c);
	km_case_deinit(c);
	free(c);
	return err;
}
