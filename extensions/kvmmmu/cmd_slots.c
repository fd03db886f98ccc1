// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu slots: memslots. */
#include "command_context.h"

#include <inttypes.h>

static const char *flags_text(struct km_node *node, uint64_t flags)
{
	size_t count;
	const struct km_bit_name *names = km_memslot_flag_names(&count);
	const char *text = "";

	for (size_t i = 0; i < count; i++) {
		if (flags & names[i].mask)
			text = km_text(node, "%s%s%s", text, *text ? "|" : "", names[i].name);
		flags &= ~names[i].mask;
	}
	if (flags)
		text = km_text(node, "%s%s0x%" PRIx64, text, *text ? "|" : "", flags);
	return *text ? text : "-";
}

static void describe_slots(struct km_node *list, const struct km_vm *vm,
			   const struct km_memslots *slots)
{
	bool updating = km_is_known(slots->generation) &&
			slots->generation.v & KVM_MEMSLOT_GEN_UPDATE_IN_PROGRESS;
	uint64_t generation = slots->generation.v & ~KVM_MEMSLOT_GEN_UPDATE_IN_PROGRESS;
	struct km_node *node = km_section(
		list, NULL,
		km_text(list, "VM %u (%s)%s: %zu memslots, generation %s%s", vm->number,
			vm->comm[0] ? vm->comm : "?",
			slots->as_id ? km_text(list, ", address space %u", slots->as_id) : "",
			slots->count,
			km_is_known(slots->generation) ? km_text(list, "%" PRIu64, generation)
						       : "?",
			updating ? ", being updated" : ""));
	struct km_node *table;

	km_field(node, "vm", NULL, km_v_dec(vm->number));
	km_field(node, "kvm", NULL, km_v_hex(vm->addr));
	km_field(node, "address_space", NULL, km_v_dec(slots->as_id));
	km_field(node, "generation", NULL,
		 km_is_known(slots->generation) ? km_v_dec(generation) : km_v_none("?"));
	km_field(node, "update_in_progress", NULL, km_v_bool(updating));
	table = km_table(node, "slots", NULL);
	if (!slots->count)
		km_machine_only(table);
	km_column(table, "id", "ID", true);
	km_column(table, "base_gfn", NULL, true);
	km_column(table, "gpa", "GPA", false);
	km_column(table, "last_gpa", "LAST", false);
	km_column(table, "npages", "PAGES", true);
	km_column(table, "userspace_addr", "HVA", false);
	km_column(table, "flags", NULL, true);
	km_column(table, "flag_names", "FLAGS", false);
	km_column(table, "address", NULL, true);
	km_column(table, "dirty_bitmap", NULL, true);
	for (size_t i = 0; i < slots->count; i++) {
		const struct km_memslot *slot = &slots->slots[i];
		struct km_node *row = km_row(table);

		km_cell(row, km_v_signed(slot->id));
		km_cell(row, km_v_hex(slot->base_gfn));
		km_cell(row, km_v_hex(slot->base_gfn << KM_PAGE_SHIFT));
		km_cell(row, km_v_hex(((slot->base_gfn + slot->npages) << KM_PAGE_SHIFT) - 1));
		km_cell(row, km_v_dec(slot->npages));
		km_cell(row, km_v_hex(slot->userspace_addr));
		km_cell(row, km_v_hex(slot->flags));
		km_cell(row, km_v_text(flags_text(node, slot->flags)));
		km_cell(row, km_v_hex(slot->addr));
		km_cell(row, km_v_hex(slot->dirty_bitmap));
	}
	if (slots->trouble)
		km_note(node, "not all memslots are readable: %s", slots->trouble);
}

static km_error *slots_of_vm(struct km_command_context *ctx, struct km_node *list,
			     const struct km_vm *vm)
{
	for (unsigned as_id = 0; as_id < 2; as_id++) {
		struct km_memslots slots;
		km_error *err = km_memslots_read(ctx->kernel, vm->addr, as_id, &slots);

		/* the second address space is SMM's: shown if it has something of its own */
		if (!err && (!as_id || slots.count || slots.trouble))
			describe_slots(list, vm, &slots);
		/* the document copies what it shows */
		km_memslots_deinit(&slots);
		if (err && as_id && km_error_code(err) == KM_EABSENT) {
			km_error_free(err);
			return NULL;
		}
		if (err)
			return err;
	}
	return NULL;
}

km_error *km_command_slots(struct km_command_context *ctx)
{
	struct km_vm *only = NULL;
	struct km_node *list;
	km_error *err = km_context_read_vms(ctx);

	if (!err && ctx->argc)
		err = km_select_vm(&ctx->vms, ctx->argv[0], &only);
	if (err)
		return err;
	list = km_list(ctx->root, "memslots");
	for (size_t i = 0; i < ctx->vms.count && !err; i++) {
		if (!only || only == &ctx->vms.vms[i])
			err = slots_of_vm(ctx, list, &ctx->vms.vms[i]);
	}
	if (!ctx->vms.count)
		km_note(ctx->root, "kvm is loaded, and there are no VMs");
	return err;
}
