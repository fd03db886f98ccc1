// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu vms: one line a VM, one a vCPU, and what deserves a look. */
#include "command_context.h"

#include <inttypes.h>
#include <string.h>

/* "MMU_FREE_OBSOLETE_ROOTS,39": names of the bits set, or "-" */
static const char *requests_text(struct km_node *node, struct km_val requests)
{
	const char *text = "";

	if (!km_is_known(requests))
		return "?";
	for (unsigned bit = 0; bit < 64; bit++) {
		const char *name = km_request_name(bit);

		if (!(requests.v >> bit & 1))
			continue;
		if (name)
			text = km_text(node, "%s%s%s", text, *text ? "," : "", name);
		else
			text = km_text(node, "%s%s%u", text, *text ? "," : "", bit);
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
	km_column(table, "mark", "", false);
	km_column(table, "index", "VCPU", true);
	km_column(table, "address", "KVM_VCPU", false);
	km_column(table, "id", NULL, true);
	km_column(table, "tid", "TID", true);
	km_column(table, "cpu", "CPU", true);
	km_column(table, "mode", "MODE", false);
	km_column(table, "mp_state", "MP", false);
	km_column(table, "exits", "EXITS", true);
	km_column(table, "pf_taken", "PF", true);
	km_column(table, "pf_fixed", "FIXED", true);
	km_column(table, "pf_fast", "FAST", true);
	km_column(table, "pf_spurious", "SPUR", true);
	km_column(table, "pf_emulate", NULL, true);
	km_column(table, "pf_mmio_spte_created", NULL, true);
	km_column(table, "pf_guest", NULL, true);
	km_column(table, "mmio_exits", NULL, true);
	km_column(table, "halt_exits", NULL, true);
	km_column(table, "requests", NULL, false);
	km_column(table, "mmu", NULL, false);
	km_column(table, "rip", NULL, false);
	km_column(table, "cr0", NULL, false);
	km_column(table, "cr3", NULL, false);
	km_column(table, "cr4", NULL, false);
	km_column(table, "efer", NULL, false);
}

/* Reads the vCPU's tables and says what deserves a look; true if something does. */
static bool examine(const struct km_kernel *k, struct km_node *vm_node, const struct km_vm *vm,
		    const struct km_vcpu *vcpu, struct km_vcpu_mmu *all)
{
	bool marked = false;

	km_vcpu_mmu_read(k, vcpu, all);
	if (!vcpu->readable) {
		km_finding(vm_node, "vcpu-unreadable", KM_NOTE,
			   "vCPU %u:%u: the part of struct kvm_vcpu that says how it translates "
			   "is not readable: its MMU is unknown",
			   vm->number, vcpu->idx);
		return true;
	}
	for (size_t i = 0; i < all->table_count; i++) {
		const struct km_perm_table *t = &all->tables[i];

		if (t->status != KM_TABLE_DIFFERS)
			continue;
		km_finding(
			vm_node, "perm-table-mismatch", KM_PROVEN,
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
	bool marked = examine(k, vm_node, vm, v, &all);
	struct km_node *row = km_row(table);

	km_cell(row, km_v_tone(km_v_as(km_v_bool(marked), marked ? "!" : ""), KM_TONE_ALARM));
	km_cell(row, km_v_dec(v->idx));
	km_cell(row, km_v_as(km_v_hex(v->addr), km_text(table, "%" PRIx64, v->addr)));
	km_cell(row, km_v_val(v->vcpu_id, KM_V_SIGNED));
	km_cell(row, km_v_val(v->tid, KM_V_DEC));
	km_cell(row, km_v_val(v->cpu, KM_V_SIGNED));
	km_cell(row, km_v_text(short_mode(v->mode)));
	km_cell(row, km_v_text(short_mp_state(v->mp_state)));
	km_cell(row, km_v_val(v->stats.exits, KM_V_DEC));
	km_cell(row, km_v_val(v->stats.pf_taken, KM_V_DEC));
	km_cell(row, km_v_val(v->stats.pf_fixed, KM_V_DEC));
	km_cell(row, km_v_val(v->stats.pf_fast, KM_V_DEC));
	km_cell(row, km_v_val(v->stats.pf_spurious, KM_V_DEC));
	km_cell(row, km_v_val(v->stats.pf_emulate, KM_V_DEC));
	km_cell(row, km_v_val(v->stats.pf_mmio_spte_created, KM_V_DEC));
	km_cell(row, km_v_val(v->stats.pf_guest, KM_V_DEC));
	km_cell(row, km_v_val(v->stats.mmio_exits, KM_V_DEC));
	km_cell(row, km_v_val(v->stats.halt_exits, KM_V_DEC));
	km_cell(row, km_v_text(requests_text(table, v->requests)));
	km_cell(row, km_v_text(all.active ? all.active->name : NULL));
	km_cell(row, km_v_val(v->rip, KM_V_HEX));
	km_cell(row, km_v_val(v->cr0, KM_V_HEX));
	km_cell(row, km_v_val(v->cr3, KM_V_HEX));
	km_cell(row, km_v_val(v->cr4, KM_V_HEX));
	km_cell(row, km_v_val(v->efer, KM_V_HEX));
}

static void add_vm(const struct km_kernel *k, struct km_node *list, const struct km_vm *vm)
{
	const char *type = km_is_known(vm->vm_type) ? km_vm_type_name(vm->vm_type.v) : NULL;
	struct km_node *node = km_section(list, NULL, NULL);
	struct km_node *head = km_compact(node, "vm", km_text(node, "VM %u", vm->number));
	struct km_node *table;

	km_field(head, "number", NULL, km_v_dec(vm->number));
	km_field(head, "comm", "",
		 vm->comm[0] ? km_v_text(vm->comm) : km_v_none("(owner unknown)"));
	km_field(head, "pid", "pid", km_v_val(vm->pid, KM_V_DEC));
	km_field(head, "address", "kvm", km_v_hex(vm->addr));
	km_field(head, "online_vcpus", "vcpus", km_v_val(vm->online_vcpus, KM_V_DEC));
	km_field(head, "created_vcpus", NULL, km_v_val(vm->created_vcpus, KM_V_DEC));
	km_field(head, "vm_type", type && vm->vm_type.v ? "type" : NULL,
		 type ? km_v_text(type) : km_v_val(vm->vm_type, KM_V_DEC));
	km_field(head, "mmu_invalidate_seq", "seq", km_v_val(vm->mmu_invalidate_seq, KM_V_DEC));
	km_field(head, "mmu_invalidate_in_progress",
		 km_is_known(vm->mmu_invalidate_in_progress) && vm->mmu_invalidate_in_progress.v
			 ? "invalidations in progress"
			 : NULL,
		 km_v_val(vm->mmu_invalidate_in_progress, KM_V_SIGNED));
	km_field(head, "mmu_invalidate_range_start", NULL,
		 km_v_val(vm->mmu_invalidate_range_start, KM_V_HEX));
	km_field(head, "mmu_invalidate_range_end", NULL,
		 km_v_val(vm->mmu_invalidate_range_end, KM_V_HEX));
	km_field(head, "mn_active_invalidate_count", NULL,
		 km_v_val(vm->mn_active_invalidate_count, KM_V_DEC));
	km_field(head, "mmu_valid_gen", NULL, km_v_val(vm->mmu_valid_gen, KM_V_DEC));
	km_field(head, "tdp_mmu_enabled", NULL, km_v_val(vm->tdp_mmu_enabled, KM_V_BOOL));
	km_field(head, "vm_bugged", NULL, km_v_val(vm->vm_bugged, KM_V_BOOL));
	km_field(head, "vm_dead", NULL, km_v_val(vm->vm_dead, KM_V_BOOL));
	table = km_table(node, "vcpus", NULL);
	add_columns(table);
	for (size_t i = 0; i < vm->vcpu_count; i++)
		add_vcpu(k, table, node, vm, &vm->vcpus[i]);
	if (km_is_known(vm->vm_bugged) && vm->vm_bugged.v)
		km_finding(node, "vm-bugged", KM_PROVEN,
			   "KVM found a bug in its own handling of this VM (vm_bugged)");
	else if (km_is_known(vm->vm_dead) && vm->vm_dead.v)
		km_finding(node, "vm-dead", KM_PROVEN,
			   "the VM is dead (vm_dead): its vCPUs can't run any more");
	if (vm->trouble)
		km_note(node, "not all of this VM is readable: %s", vm->trouble);
	km_describe_lost_vcpus(node, vm);
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
	list = km_list(ctx->root, "vms");
	for (size_t i = 0; i < ctx->vms.count; i++) {
		if (!only || only == &ctx->vms.vms[i])
			add_vm(ctx->kernel, list, &ctx->vms.vms[i]);
	}
	if (!ctx->vms.count && !ctx->vms.trouble)
		km_note(ctx->root, "kvm is loaded, and there are no VMs");
	return NULL;
}
