// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu slots: the memslots of each VM. */
#include "commands/command_context.h"

#include <inttypes.h>

const char *km_memslot_flags_text(struct km_node *node, uint64_t flags)
{
	size_t count;
	const struct km_bit_name *names = km_memslot_flag_names(&count);
	const char *text = "";

	for (size_t i = 0; i < count; i++) {
		if (flags & names[i].mask)
			text = km_doc_text(node, "%s%s%s", text, *text ? "|" : "", names[i].name);
		flags &= ~names[i].mask;
	}
	return flags ? km_doc_text(node, "%s%s0x%" PRIx64, text, *text ? "|" : "", flags) : text;
}

static void add_columns(struct km_node *table)
{
	km_doc_column(table, "id", "ID", true);
	km_doc_column(table, "base_gfn", NULL, true);
	km_doc_column(table, "gpa", "GPA", false);
	km_doc_column(table, "last_gpa", "LAST", false);
	km_doc_column(table, "npages", "PAGES", true);
	km_doc_column(table, "userspace_addr", "HVA", false);
	km_doc_column(table, "flags", NULL, true);
	km_doc_column(table, "flag_names", "FLAGS", false);
	km_doc_column(table, "address", NULL, true);
	km_doc_column(table, "dirty_bitmap", NULL, true);
}

static void add_slot(struct km_node *table, const struct km_memslot *slot)
{
	uint64_t gpa = slot->base_gfn << KM_PAGE_SHIFT;
	uint64_t last = ((slot->base_gfn + slot->npages) << KM_PAGE_SHIFT) - 1;
	const char *names = km_memslot_flags_text(table, slot->flags);
	struct km_node *row = km_doc_row(table);

	km_doc_cell(row, "id", km_v_signed(slot->id));
	km_doc_cell(row, "base_gfn", km_v_hex(slot->base_gfn));
	km_doc_cell(row, "gpa", km_v_hex(gpa));
	km_doc_cell(row, "last_gpa", km_v_hex(last));
	km_doc_cell(row, "npages", km_v_dec(slot->npages));
	km_doc_cell(row, "userspace_addr", km_v_hex(slot->userspace_addr));
	km_doc_cell(row, "flags", km_v_hex(slot->flags));
	km_doc_cell(row, "flag_names", km_v_text(*names ? names : "-"));
	km_doc_cell(row, "address", km_v_hex(slot->addr));
	km_doc_cell(row, "dirty_bitmap", km_v_hex(slot->dirty_bitmap));
}

/* The generation without its flag; not known if it is not readable. */
static struct km_val generation_of(const struct km_memslots *slots)
{
	struct km_val generation = slots->generation;

	generation.v &= ~KVM_MEMSLOT_GEN_UPDATE_IN_PROGRESS;
	return generation;
}

/* Without a number if none is readable: it is not known that there are none. */
static const char *count_text(struct km_node *list, const struct km_memslots *slots)
{
	if (!slots->count && slots->trouble)
		return "memslots not readable";
	return km_doc_text(list, "%zu memslot%s", slots->count, slots->count == 1 ? "" : "s");
}

static const char *slots_title(struct km_node *list, const struct km_vm *vm,
			       const struct km_memslots *slots, bool updating)
{
	char generation[KM_VAL_TEXT];

	return km_doc_text(
		list, "VM %u (%s)%s: %s, generation %s%s", vm->number, vm->comm[0] ? vm->comm : "?",
		slots->as_id ? km_doc_text(list, ", address space %u", slots->as_id) : "",
		count_text(list, slots), km_val_spell(generation_of(slots), false, generation),
		updating ? ", update in progress" : "");
}

static void describe_slots(struct km_node *list, const struct km_vm *vm,
			   const struct km_memslots *slots)
{
	bool updating = km_is_known(slots->generation) &&
			slots->generation.v & KVM_MEMSLOT_GEN_UPDATE_IN_PROGRESS;
	struct km_node *node = km_doc_section(list, NULL, slots_title(list, vm, slots, updating));
	struct km_node *table;

	km_doc_field(node, "vm", NULL, km_v_dec(vm->number));
	km_doc_field(node, "kvm", NULL, km_v_hex(vm->addr));
	km_doc_field(node, "address_space", NULL, km_v_dec(slots->as_id));
	km_doc_field(node, "generation", NULL, km_v_val(generation_of(slots), KM_V_DEC));
	km_doc_field(node, "update_in_progress", NULL, km_v_bool(updating));
	table = km_doc_table(node, "slots", NULL);
	if (!slots->count)
		km_doc_machine_only(table);
	add_columns(table);
	for (size_t i = 0; i < slots->count; i++)
		add_slot(table, &slots->slots[i]);
	if (slots->trouble)
		km_doc_note(node, "some memslots are not readable: %s", slots->trouble);
}

static km_error *slots_of_vm(struct km_command_context *ctx, struct km_node *list,
			     const struct km_vm *vm)
{
	for (unsigned as_id = 0; as_id < 2; as_id++) {
		struct km_memslots slots;
		km_error *err = km_memslots_read(ctx->kernel, vm->addr, as_id, &slots);

		/* the second address space is for SMM: shown if it has anything in it */
		if (!err && (!as_id || slots.count || slots.trouble))
			describe_slots(list, vm, &slots);
		ctx->failed |= !err && slots.trouble;
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
	if (!err)
		err = km_check_covered(&ctx->vms, only, NULL);
	if (err)
		return err;
	list = km_doc_list(ctx->root, "memslots");
	for (size_t i = 0; i < ctx->vms.count && !err; i++) {
		if (!ctx->vms.vms[i].left_out && (!only || only == &ctx->vms.vms[i]))
			err = slots_of_vm(ctx, list, &ctx->vms.vms[i]);
	}
	km_describe_left_out(ctx, only, false);
	km_describe_no_vms(ctx);
	return err;
}
