// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu fault: the walk under a fault, and what the panel says to it. */
#include "command_context.h"
#include "last_fault.h"
#include "svm.h"

#include <inttypes.h>

/* The question, and where it came from. */
struct fault {
	uint64_t addr, error_code;
	const char *source; /* "VMCB", "user", "user and VMCB" */
	const char *age;
};

static const char *exit_text(struct km_node *node, uint64_t exit_code)
{
	const char *name = km_svm_exit_name(exit_code);

	return km_text(node, "0x%" PRIx64 "%s%s%s", exit_code, name ? " (" : "", name ? name : "",
		       name ? ")" : "");
}

/* A dump is one moment: what the vCPU has done since its last exit. */
static const char *age_text(const struct km_fault *f, const struct km_vcpu *vcpu)
{
	if (f->age == KM_AGE_IN_HANDLER)
		return "in handler: KVM is handling it at this moment";
	if (!km_is_known(vcpu->mode))
		return "last exit; whether the vCPU has re-entered the guest since is not known";
	if (vcpu->mode.v == 1)
		return "last exit; the vCPU is in the guest again: the fault may have been fixed "
		       "since";
	return "last exit; the vCPU is outside the guest: being handled, or handled";
}

static void describe_exit(struct km_node *node, const struct km_vmcb *vmcb)
{
	struct km_node *exit = km_compact(node, "last_exit", NULL);

	km_field(exit, NULL, "last exit", km_v_text(exit_text(node, vmcb->exit_code.v)));
	km_field(exit, "exit_code", NULL, km_v_val(vmcb->exit_code, KM_V_HEX));
	km_field(exit, "exit_name", NULL, km_v_text(km_svm_exit_name(vmcb->exit_code.v)));
	km_field(exit, "exit_info_1", "info1", km_v_val(vmcb->exit_info_1, KM_V_HEX));
	km_field(exit, "exit_info_2", "info2", km_v_val(vmcb->exit_info_2, KM_V_HEX));
	km_field(exit, "vmcb", "in", km_v_text(vmcb->name));
	km_field(exit, "vmcb_address", NULL, km_v_hex(vmcb->addr));
}

/* AMD: shows the last exit, whatever it was. */
static km_error *show_exit(struct km_command_context *ctx, const struct km_vcpu *vcpu)
{
	struct km_vmcb vmcb;
	km_error *err = km_vmcb_read(ctx->kernel, vcpu, &vmcb);

	if (!err)
		describe_exit(ctx->root, &vmcb);
	return err;
}

/* Why there is no fault to judge; an older one that lies about is told. */
static km_error *none_found(struct km_command_context *ctx, const struct km_last_fault *last)
{
	const struct km_fault *f = last->count ? &last->faults[last->count - 1] : NULL;
	const char *older = "";

	if (f && f->source == KM_FAULT_STACK)
		older = km_text(ctx->root,
				"; one that was handled before is left on its thread's stack: "
				"-a 0x%" PRIx64 " -e 0x%" PRIx64,
				f->addr.v, f->error_code.v);
	if (ctx->kernel->vendor == KM_VENDOR_INTEL)
		return km_errorf(KM_EABSENT,
				 "on Intel KVM keeps no copy of the faulting address after the "
				 "exit: give one with -a and -e%s",
				 older);
	km_note(ctx->root, "%s. Give one with -a and -e%s", km_text(ctx->root, "%s", last->none),
		older);
	return NULL;
}

/* The one to judge in @mmu: in the handler's hands, or of the last exit. */
static const struct km_fault *choose(const struct km_last_fault *last, const struct km_mmu *mmu)
{
	for (size_t i = 0; i < last->count; i++) {
		const struct km_fault *f = &last->faults[i];

		if (f->source == KM_FAULT_VMCB ||
		    (f->source == KM_FAULT_STACK && f->age == KM_AGE_IN_HANDLER && mmu->active))
			return f;
	}
	return NULL;
}

/* Fills in what the user did not give. *@found is false if there is no fault. */
static km_error *find_fault(struct km_command_context *ctx, const struct km_subject *s,
			    struct fault *fault, bool *found)
{
	const struct km_command_options *o = &ctx->options;
	struct km_vcpu_mmu all = s->all;
	struct km_last_fault last;
	const struct km_fault *f;
	km_error *err = NULL;

	*found = false;
	/* a fault of the last exit is about the context that the user asks for */
	all.active = s->mmu;
	if (ctx->kernel->vendor != KM_VENDOR_INTEL)
		err = show_exit(ctx, s->vcpu);
	if (err)
		return km_error_context(err, "no fault found by itself; give one with -a and -e");
	err = km_last_fault_find(ctx->kernel, s->vm, s->vcpu, &all, &last);
	if (err)
		return err;
	f = choose(&last, s->mmu);
	if (!f)
		return none_found(ctx, &last);
	fault->error_code = o->has_error_code ? o->error_code : f->error_code.v;
	fault->addr = o->has_addr ? o->addr : f->addr.v;
	fault->source = f->source == KM_FAULT_VMCB ? "VMCB" : km_text(ctx->root, "%s", f->from);
	if (o->has_addr || o->has_error_code)
		fault->source = km_text(ctx->root, "user, rest from the %s",
					f->source == KM_FAULT_VMCB ? "VMCB" : "stack");
	fault->age = age_text(f, s->vcpu);
	if (!o->has_error_code && f->gmet)
		km_note(ctx->root, "%s", km_text(ctx->root, "%s", f->limits));
	if (last.disagreement[0])
		km_note(ctx->root, "%s", km_text(ctx->root, "%s", last.disagreement));
	*found = true;
	return NULL;
}

static void describe_question(struct km_command_context *ctx, const struct km_mmu *mmu,
			      const struct fault *fault)
{
	struct km_node *q = km_section(ctx->root, "fault", NULL);
	const char *meaning = km_walk_address_text(km_mmu_address_meaning(mmu));
	char spelled[128];

	km_pferr_spell(fault->error_code, spelled, sizeof(spelled));
	km_field(q, NULL, "fault",
		 km_v_text(km_text(q, "%s 0x%" PRIx64 ", error code 0x%" PRIx64 " = %s", meaning,
				   fault->addr, fault->error_code, spelled)));
	km_field(q, "address", NULL, km_v_hex(fault->addr));
	km_field(q, "address_is", NULL, km_v_text(meaning));
	km_field(q, "error_code", NULL, km_v_hex(fault->error_code));
	km_field(q, "error_code_spelled", NULL, km_v_text(km_text(q, "%s", spelled)));
	km_field(q, "from", "from", km_v_text(fault->source));
	km_field(q, "age", fault->age ? "age" : NULL, km_v_text(fault->age));
}

static void describe_slot(struct km_command_context *ctx, const struct km_vm *vm,
			  const struct km_walk *walk)
{
	struct km_memslots slots;
	const struct km_memslot *slot;
	km_scoped_error *err = NULL;

	if (walk->meaning != KM_ADDR_GPA)
		return;
	err = km_memslots_read(ctx->kernel, vm->addr, 0, &slots);
	slot = err ? NULL : km_gfn_to_memslot(&slots, walk->addr >> KM_PAGE_SHIFT);
	km_describe_memslot(ctx->root, slot, !err && !slots.trouble);
	km_memslots_deinit(&slots);
}

static void describe_panel(struct km_node *root, const struct km_panel *panel)
{
	struct km_node *section = km_section(root, "panel", NULL);
	struct km_node *meanings;

	km_describe_judges(section, panel);
	meanings = km_table(section, "meanings", NULL);
	km_machine_only(meanings);
	km_column(meanings, "id", "", false);
	km_column(meanings, "certainty", "", false);
	km_column(meanings, "text", "", false);
	for (size_t i = 0; i < panel->meaning_count; i++) {
		const struct km_meaning *m = &panel->meanings[i];
		const char *text = km_text(root, "%s", m->text);
		struct km_node *row = km_row(meanings);

		km_cell(row, km_v_text(m->id));
		km_cell(row, km_v_text(km_certainty_text(m->certainty)));
		km_cell(row, km_v_text(text));
		if (m->certainty == KM_NOTE)
			km_note(section, "%s", text);
		else
			km_finding(section, m->id, m->certainty, "%s", text);
	}
}

/* --trace: what KVM's handler does with this fault. */
static km_error *replay(struct km_command_context *ctx, const struct km_subject *s,
			const struct fault *fault, const struct km_walk *walk)
{
	struct km_page_fault_state state = {
		.kernel = ctx->kernel,
		.vm = s->vm,
		.vcpu = s->vcpu,
		.all = &s->all,
		.mmu = s->mmu,
		.masks = &s->masks,
		.walk = walk,
		.addr = fault->addr,
		.error_code = fault->error_code,
	};
	struct km_page_fault_path path;
	struct km_memslots slots;
	km_error *err = km_memslots_read(ctx->kernel, s->vm->addr, 0, &slots);

	if (err && km_error_code(err) != KM_EABSENT)
		return err;
	state.slots = &slots;
	state.slots_known = !err;
	km_error_free(err);
	err = km_page_fault_replay(&state, &path);
	km_memslots_deinit(&slots);
	if (!err)
		km_describe_path(ctx->root, &path, true);
	return err;
}

static km_error *judge(struct km_command_context *ctx, const struct km_subject *s,
		       const struct fault *fault)
{
	struct km_panel panel;
	struct km_walk walk;
	km_error *err = km_walk(ctx->kernel, &s->masks, s->mmu, fault->addr, &walk);

	if (err)
		return err;
	describe_question(ctx, s->mmu, fault);
	describe_slot(ctx, s->vm, &walk);
	km_describe_walk(ctx->root, ctx->kernel, s->mmu, &walk, false);
	km_panel_judge(ctx->kernel, &s->masks, &s->all, s->mmu, &walk, fault->error_code,
		       ctx->options.v1 ? KM_SPF_V1 : KM_SPF_MERGED, &panel);
	if (ctx->options.v1)
		km_note(ctx->root, "judged in the form first posted: the error code is not masked");
	describe_panel(ctx->root, &panel);
	return ctx->options.trace ? replay(ctx, s, fault, &walk) : NULL;
}

km_error *km_command_fault(struct km_command_context *ctx)
{
	const struct km_command_options *o = &ctx->options;
	struct fault fault = {o->addr, o->error_code, "user", NULL};
	bool given = o->has_addr && o->has_error_code, found = true;
	struct km_subject s;
	km_error *err = km_context_subject(ctx, ctx->argv[0], &s);

	if (err)
		return err;
	km_describe_vcpu(ctx->root, "vcpu", s.vm, s.vcpu);
	if (!given)
		err = find_fault(ctx, &s, &fault, &found);
	if (err)
		return err;
	return found ? judge(ctx, &s, &fault) : NULL;
}
