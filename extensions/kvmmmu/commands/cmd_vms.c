// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu vms: one line for each VM and vCPU, and what needs attention. */
#include "commands/command_context.h"

#include <inttypes.h>
#include <string.h>

/* "MMU_FREE_OBSOLETE_ROOTS,39": the bits that are set, by name where they have one; or "-" */
static const char *requests_text(struct km_node *node, const struct km_features *features,
				 struct km_val requests)
{
	const char *text = "";

	if (!km_is_known(requests))
		return "?";
	for (unsigned bit = 0; bit < 64; bit++) {
		const char *name = km_request_name(features, bit);

		if (!(requests.v >> bit & 1))
			continue;
		if (name)
			text = km_doc_text(node, "%s%s%s", text, *text ? "," : "", name);
		else
			text = km_doc_text(node, "%s%s%u", text, *text ? "," : "", bit);
	}
	return *text ? text : "-";
}

static const char *short_mode(struct km_val mode)
{
	static const char *const names[] = {"host", "guest", "exiting", "walking"};

	if (!km_is_known(mode))
		return "?";
	return mode.v < 4 ? names[mode.v] : "torn";
}

static const char *short_mp_state(struct km_val mp_state)
{
	const char *name = km_is_known(mp_state) ? km_mp_state_name(mp_state.v) : NULL;

	if (!km_is_known(mp_state))
		return "?";
	if (!name)
		return "torn";
	return strcmp(name, "RUNNABLE") ? name : "run";
}

static void add_columns(struct km_node *table)
{
	km_doc_column(table, "mark", "", false);
	km_doc_column(table, "index", "VCPU", true);
	km_doc_column(table, "address", "KVM_VCPU", false);
	km_doc_column(table, "id", NULL, true);
	km_doc_column(table, "tid", "TID", true);
	km_doc_column(table, "cpu", "CPU", true);
	km_doc_column(table, "mode", "MODE", false);
	km_doc_column(table, "mp_state", "MP", false);
	km_doc_column(table, "exits", "EXITS", true);
	km_doc_column(table, "pf_taken", "PF", true);
	km_doc_column(table, "pf_fixed", "FIXED", true);
	km_doc_column(table, "pf_fast", "FAST", true);
	km_doc_column(table, "pf_spurious", "SPUR", true);
	km_doc_column(table, "pf_emulate", NULL, true);
	km_doc_column(table, "pf_mmio_spte_created", NULL, true);
	km_doc_column(table, "pf_guest", NULL, true);
	km_doc_column(table, "mmio_exits", NULL, true);
	km_doc_column(table, "halt_exits", NULL, true);
	km_doc_column(table, "requests", NULL, false);
	km_doc_column(table, "mmu", NULL, false);
	km_doc_column(table, "rip", NULL, false);
	km_doc_column(table, "cr0", NULL, false);
	km_doc_column(table, "cr3", NULL, false);
	km_doc_column(table, "cr4", NULL, false);
	km_doc_column(table, "efer", NULL, false);
}

/* Read the MMU of the vCPU and report what needs attention; return true if something does. */
static bool report_vcpu(const struct km_kernel *k, struct km_node *vm_node, const struct km_vm *vm,
			const struct km_vcpu *vcpu, struct km_vcpu_mmu *all)
{
	bool marked = false;

	km_vcpu_mmu_read(k, vcpu, all);
	for (size_t i = 0; i < vcpu->contradictions.count; i++)
		km_doc_note(vm_node, "vCPU %u:%u contradicts itself: %s", vm->number, vcpu->idx,
			    vcpu->contradictions.text[i]);
	marked |= vcpu->contradictions.count;
	if (vcpu->foreign)
		return true;
	if (!vcpu->readable) {
		km_doc_finding(
			vm_node, "vcpu-unreadable", KM_NOTE,
			"vCPU %u:%u: the part of struct kvm_vcpu that describes its MMU is not "
			"readable",
			vm->number, vcpu->idx);
		return true;
	}
	for (size_t i = 0; i < all->table_count; i++) {
		const struct km_perm_table *t = &all->tables[i];

		if (t->status != KM_TABLE_DIFFERS)
			continue;
		km_doc_finding(
			vm_node, "perm-table-mismatch", km_vcpu_certainty(vcpu),
			"vCPU %u:%u: %s.permissions differs from its role in %u of 16 words; see "
			"\"perms %u:%u\"",
			vm->number, vcpu->idx, t->context, km_table_differences(t), vm->number,
			vcpu->idx);
		marked = true;
	}
	return marked;
}

static void add_vcpu(const struct km_kernel *k, struct km_node *table, struct km_node *vm_node,
		     const struct km_vm *vm, const struct km_vcpu *v)
{
	struct km_vcpu_mmu all;
	bool marked = report_vcpu(k, vm_node, vm, v, &all);
	struct km_node *row = km_doc_row(table);

	km_doc_cell(row, "mark",
		    km_v_tone(km_v_as(km_v_bool(marked), marked ? "!" : ""), KM_TONE_ALARM));
	km_doc_cell(row, "index", km_v_dec(v->idx));
	km_doc_cell(row, "address",
		    km_v_as(km_v_hex(v->addr), km_doc_text(table, "%" PRIx64, v->addr)));
	km_doc_cell(row, "id", km_v_val(v->vcpu_id, KM_V_SIGNED));
	km_doc_cell(row, "tid", km_v_val(v->tid, KM_V_DEC));
	km_doc_cell(row, "cpu", km_v_val(v->cpu, KM_V_SIGNED));
	km_doc_cell(row, "mode", km_v_text(short_mode(v->mode)));
	km_doc_cell(row, "mp_state", km_v_text(short_mp_state(v->mp_state)));
	km_doc_cell(row, "exits", km_v_val(v->stats.exits, KM_V_DEC));
	km_doc_cell(row, "pf_taken", km_v_val(v->stats.pf_taken, KM_V_DEC));
	km_doc_cell(row, "pf_fixed", km_v_val(v->stats.pf_fixed, KM_V_DEC));
	km_doc_cell(row, "pf_fast", km_v_val(v->stats.pf_fast, KM_V_DEC));
	km_doc_cell(row, "pf_spurious", km_v_val(v->stats.pf_spurious, KM_V_DEC));
	km_doc_cell(row, "pf_emulate", km_v_val(v->stats.pf_emulate, KM_V_DEC));
	km_doc_cell(row, "pf_mmio_spte_created", km_v_val(v->stats.pf_mmio_spte_created, KM_V_DEC));
	km_doc_cell(row, "pf_guest", km_v_val(v->stats.pf_guest, KM_V_DEC));
	km_doc_cell(row, "mmio_exits", km_v_val(v->stats.mmio_exits, KM_V_DEC));
	km_doc_cell(row, "halt_exits", km_v_val(v->stats.halt_exits, KM_V_DEC));
	km_doc_cell(row, "requests", km_v_text(requests_text(table, &k->features, v->requests)));
	km_doc_cell(row, "mmu", km_v_text(all.active ? all.active->name : NULL));
	km_doc_cell(row, "rip", km_v_val(v->rip, KM_V_HEX));
	km_doc_cell(row, "cr0", km_v_val(v->cr0, KM_V_HEX));
	km_doc_cell(row, "cr3", km_v_val(v->cr3, KM_V_HEX));
	km_doc_cell(row, "cr4", km_v_val(v->cr4, KM_V_HEX));
	km_doc_cell(row, "efer", km_v_val(v->efer, KM_V_HEX));
}

static void describe_vm(struct km_node *node, const struct km_vm *vm)
{
	const char *type = km_is_known(vm->vm_type) ? km_vm_type_name(vm->vm_type.v) : NULL;
	bool invalidating =
		km_is_known(vm->mmu_invalidate_in_progress) && vm->mmu_invalidate_in_progress.v;
	struct km_node *head = km_doc_compact(node, "vm", km_doc_text(node, "VM %u", vm->number));

	km_doc_field(head, "number", NULL, km_v_dec(vm->number));
	km_doc_field(head, "comm", "",
		     vm->comm[0] ? km_v_text(vm->comm) : km_v_none("(owner unknown)"));
	km_doc_field(head, "pid", "pid", km_v_val(vm->pid, KM_V_DEC));
	km_doc_field(head, "address", "kvm", km_v_hex(vm->addr));
	km_doc_field(head, "online_vcpus", "vcpus", km_v_val(vm->online_vcpus, KM_V_DEC));
	km_doc_field(head, "created_vcpus", NULL, km_v_val(vm->created_vcpus, KM_V_DEC));
	km_doc_field(head, "vm_type", type && vm->vm_type.v ? "type" : NULL,
		     type ? km_v_text(type) : km_v_val(vm->vm_type, KM_V_DEC));
	km_doc_field(head, "mmu_invalidate_seq", "seq", km_v_val(vm->mmu_invalidate_seq, KM_V_DEC));
	km_doc_field(head, "mmu_invalidate_in_progress",
		     invalidating ? "invalidations in progress" : NULL,
		     km_v_val(vm->mmu_invalidate_in_progress, KM_V_SIGNED));
	km_doc_field(head, "mmu_invalidate_range_start", NULL,
		     km_v_val(vm->mmu_invalidate_range_start, KM_V_HEX));
	km_doc_field(head, "mmu_invalidate_range_end", NULL,
		     km_v_val(vm->mmu_invalidate_range_end, KM_V_HEX));
	km_doc_field(head, "mn_active_invalidate_count", NULL,
		     km_v_val(vm->mn_active_invalidate_count, KM_V_DEC));
	km_doc_field(head, "mmu_valid_gen", NULL, km_v_val(vm->mmu_valid_gen, KM_V_DEC));
	km_doc_field(head, "tdp_mmu_enabled", NULL, km_v_val(vm->tdp_mmu_enabled, KM_V_BOOL));
	km_doc_field(head, "vm_bugged", NULL, km_v_val(vm->vm_bugged, KM_V_BOOL));
	km_doc_field(head, "vm_dead", NULL, km_v_val(vm->vm_dead, KM_V_BOOL));
}

static void report_vm(struct km_node *node, const struct km_vm *vm)
{
	if (km_is_known(vm->vm_bugged) && vm->vm_bugged.v)
		km_doc_finding(
			node, "vm-bugged", KM_PROVEN,
			"KVM detected a bug of its own while it ran this VM (vm_bugged is set)");
	else if (km_is_known(vm->vm_dead) && vm->vm_dead.v)
		km_doc_finding(node, "vm-dead", KM_PROVEN,
			       "the VM is dead (vm_dead is set): its vCPUs cannot run again");
	if (vm->trouble)
		km_doc_note(node, "parts of this VM are not readable: %s", vm->trouble);
	for (size_t i = 0; i < vm->contradictions.count; i++)
		km_doc_note(node, "this VM contradicts itself: %s", vm->contradictions.text[i]);
	km_describe_lost_vcpus(node, vm);
}

static void add_vm(const struct km_kernel *k, struct km_node *list, const struct km_vm *vm)
{
	struct km_node *node = km_doc_section(list, NULL, NULL), *table;

	describe_vm(node, vm);
	table = km_doc_table(node, "vcpus", NULL);
	add_columns(table);
	for (size_t i = 0; i < vm->vcpu_count; i++)
		add_vcpu(k, table, node, vm, &vm->vcpus[i]);
	report_vm(node, vm);
}

km_error *km_command_vms(struct km_command_context *ctx)
{
	struct km_vm *only = NULL;
	struct km_node *list;
	km_error *err = km_context_read_vms(ctx);

	if (!err && ctx->argc)
		err = km_select_vm(&ctx->vms, ctx->argv[0], &only);
	if (err)
		return err;
	list = km_doc_list(ctx->root, "vms");
	for (size_t i = 0; i < ctx->vms.count; i++) {
		if (!only || only == &ctx->vms.vms[i])
			add_vm(ctx->kernel, list, &ctx->vms.vms[i]);
	}
	km_describe_no_vms(ctx);
	return NULL;
}
