// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu capture: writes a capsule, or lists what is in one. */
#include "command_context.h"

#include "btf_closure.h"
#include "capsule_check.h"
#include "capsule_write.h"
#include "kernel_types.h"
#include "saved_stacks.h"
#include "types_chain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_LIMIT 16384 /* page-table pages: 64 MiB */

/* The user's word as numbers, which are the same however it was spelled. */
static km_error *select_numbers(struct km_command_context *ctx, struct km_capture_options *o)
{
	struct km_vm *vm;
	struct km_vcpu *vcpu;
	km_error *err;

	o->vm = o->vcpu = KM_ALL;
	if (!ctx->argc)
		return NULL;
	err = km_context_read_vms(ctx);
	if (!err)
		err = km_select(ctx, &vm, &vcpu);
	if (err)
		return err;
	o->vm = vm->number;
	if (vcpu)
		o->vcpu = vcpu->idx;
	return NULL;
}

/* What the manifest says of the kernel; @ids and @types hold its texts. */
static void tell_kernel(const struct km_kernel *k, char ids[3][48], char *types,
			struct km_target_kernel *tell)
{
	const struct km_target_kernel *brings = km_memory_target(k->mem)->brings;
	const struct km_build_id found[3] = {km_vmlinux_build_id(k), k->kvm.build_id,
					     k->vendor_module.build_id};

	if (brings) {
		*tell = *brings;
		return;
	}
	km_drop_folders(types);
	*tell = (struct km_target_kernel){
		.release = k->release,
		.vendor = km_vendor_name(k->vendor),
		.types = types,
		/* without its reason, which may name the folders of this machine */
		.vendor_trouble =
			k->vendor_trouble ? "there were none when the capsule was made" : NULL,
		.symbol_pages_lost = k->kvm.pages_lost,
	};
	for (size_t i = 0; i < 3; i++) {
		if (found[i].len)
			tell->build_ids[i] = km_build_id_text(&found[i], ids[i], sizeof(ids[i]));
	}
}

static void describe_limits(struct km_node *root, const struct km_manifest *m)
{
	if (m->limit_hit)
		km_note(root,
			"only %" PRIu64 " page-table pages are in it (--limit): the upper levels "
			"first, and not all of the lower ones",
			m->pages);
	if (m->left_out)
		km_note(root,
			"%" PRIu64 " pages that entries point to are left out: nothing proves that "
			"they are page tables",
			m->left_out);
	if (m->kernel.types_made)
		km_note(root, "types come from DWARF: just the members that this version reads "
			      "are in it");
	if (!m->kernel.names)
		km_note(root, "process names are not in it (--with-names)");
}

static void describe_manifest(struct km_node *root, const struct km_manifest *m)
{
	const char *selection =
		m->vm < 0     ? "all VMs"
		: m->vcpu < 0 ? km_text(root, "VM %" PRId64, m->vm)
			      : km_text(root, "vCPU %" PRId64 ":%" PRId64, m->vm, m->vcpu);

	km_field(root, "selection", "of", km_v_text(selection));
	km_field(root, "names", NULL, km_v_bool(m->kernel.names));
	km_field(root, "page_table_pages", "page-table pages", km_v_dec(m->pages));
	km_field(root, "page_limit", NULL, km_v_dec(m->limit));
	km_field(root, "page_limit_hit", NULL, km_v_bool(m->limit_hit));
	km_field(root, "pages_left_out", NULL, km_v_dec(m->left_out));
	km_field(root, "types_made", NULL, km_v_bool(m->kernel.types_made));
}

static km_error *write_capsule(struct km_command_context *ctx, const struct km_capture *capture,
			       struct km_manifest *m)
{
	const struct km_target_kernel *brings = km_memory_target(ctx->kernel->mem)->brings;
	char *types = strdup(km_layout_types(ctx->kernel->layout)->origin), ids[3][48];
	struct km_capsule_size size;
	void *blob = NULL;
	km_error *err = NULL;

	if (!types)
		return km_errorf(KM_ENOMEM, "out of memory");
	tell_kernel(ctx->kernel, ids, types, &m->kernel);
	m->kernel.names = ctx->options.names && (!brings || brings->names);
	if (!brings) {
		err = km_closure_of_layout(ctx->kernel->layout, &blob, &m->kernel.btf_len,
					   &m->kernel.types_made);
		m->kernel.btf = blob;
	}
	if (!err)
		err = km_capsule_write(ctx->options.output, ctx->kernel->mem, &capture->rec, m,
				       &size);
	if (!err) {
		struct km_node *head = km_compact(ctx->root, "capsule", "capsule");

		km_field(head, "file", "", km_v_text(km_text(head, "%s", ctx->options.output)));
		km_field(head, "bytes", "bytes", km_v_dec(size.packed));
		km_field(head, "unpacked_bytes", "unpacked", km_v_dec(size.unpacked));
		km_field(head, "ranges", "ranges", km_v_dec(size.ranges));
		describe_manifest(head, m);
		describe_limits(ctx->root, m);
	}
	free(blob);
	free(types);
	return err;
}

static km_error *capture(struct km_command_context *ctx)
{
	struct km_capture_options options = {.names = ctx->options.names,
					     .limit = ctx->options.limit ? ctx->options.limit
									 : DEFAULT_LIMIT};
	struct km_capture found = {0};
	struct km_manifest m;
	km_error *err = select_numbers(ctx, &options);

	if (!err)
		err = km_capture(ctx->kernel, &options, &found);
	m = (struct km_manifest){
		.vm = options.vm,
		.vcpu = options.vcpu,
		.pages = found.pages,
		.limit = options.limit,
		.left_out = found.left_out,
		.limit_hit = found.limit_hit,
		.symbols = found.rec.symbols,
		.symbol_count = found.rec.symbol_count,
	};
	if (!err)
		err = write_capsule(ctx, &found, &m);
	km_capture_deinit(&found);
	return err;
}

static void describe_symbols(struct km_node *root, const struct km_manifest *m)
{
	struct km_node *table = km_table(root, "symbols", NULL);

	km_column(table, "address", "ADDRESS", false);
	km_column(table, "name", "SYMBOL", false);
	for (size_t i = 0; i < m->symbol_count; i++) {
		struct km_node *row = km_row(table);

		km_cell(row, km_v_hex(m->symbols[i].addr));
		km_cell(row, km_v_text(km_text(root, "%s", m->symbols[i].name)));
	}
}

static void describe_items(struct km_node *root, const struct km_recorder *rec)
{
	struct km_node *table = km_table(root, "items", NULL);

	km_column(table, "space", "SPACE", false);
	km_column(table, "address", "ADDRESS", false);
	km_column(table, "bytes", "BYTES", true);
	km_column(table, "what", "WHAT", false);
	km_column(table, "why", "FOR", false);
	for (size_t i = 0; i < rec->count; i++) {
		const struct km_item *item = &rec->items[i];
		struct km_node *row = km_row(table);

		km_cell(row, km_v_text(item->phys ? "phys" : "virt"));
		km_cell(row, km_v_hex(item->addr));
		km_cell(row, km_v_dec(item->len));
		km_cell(row, km_v_text(item->what));
		km_cell(row, km_v_text(item->why));
	}
}

static void describe_tasks(struct km_node *root, const struct km_tasks *tasks)
{
	struct km_node *table = km_table(root, "tasks", NULL);

	km_column(table, "address", "TASK", false);
	km_column(table, "tid", "TID", true);
	km_column(table, "tgid", "TGID", true);
	km_column(table, "state", "STATE", true);
	km_column(table, "on_cpu", "ON CPU", true);
	km_column(table, "mm", "MM", false);
	km_column(table, "comm", "NAME", false);
	for (size_t i = 0; i < tasks->count; i++) {
		const struct km_task *t = &tasks->tasks[i];
		struct km_node *row = km_row(table);

		km_cell(row, km_v_hex(t->addr));
		km_cell(row, km_v_val(t->tid, KM_V_DEC));
		km_cell(row, km_v_val(t->tgid, KM_V_DEC));
		km_cell(row, km_v_val(t->state, KM_V_HEX));
		km_cell(row, km_v_val(t->on_cpu, KM_V_DEC));
		km_cell(row, km_v_val(t->mm, KM_V_HEX));
		km_cell(row, km_v_text(km_text(root, "%s", t->comm)));
	}
}

/* Every frame of every stack; that is all that there is of them. */
static void describe_stacks(struct km_node *root, const struct km_saved_stacks *saved)
{
	struct km_node *table = km_table(root, "frames", NULL), *faults;

	km_column(table, "task", "STACK OF", false);
	km_column(table, "function", "IN", false);
	km_column(table, "pc", "AT", false);
	km_column(table, "sp", "FOUND AT", false);
	km_column(table, "sure", "SURE", false);
	faults = km_table(root, "page_faults", NULL);
	km_column(faults, "task", "STACK OF", false);
	km_column(faults, "address", "STRUCT KVM_PAGE_FAULT AT", false);
	for (size_t i = 0; i < saved->count; i++) {
		const struct km_saved_stack *s = &saved->stacks[i];

		for (size_t j = 0; j < s->stack.count; j++) {
			const struct km_frame *f = &s->stack.frames[j];
			struct km_node *row = km_row(table);

			km_cell(row, km_v_hex(s->stack.task));
			km_cell(row,
				km_v_text(km_text(root, "%s+0x%" PRIx64, f->function, f->offset)));
			km_cell(row, km_v_hex(f->pc));
			km_cell(row, km_v_hex(f->sp));
			km_cell(row, km_v_bool(f->sure));
		}
		for (size_t j = 0; j < s->faults.count; j++) {
			struct km_node *row = km_row(faults);

			km_cell(row, km_v_hex(s->stack.task));
			km_cell(row, km_v_hex(s->faults.at[j]));
		}
	}
}

static void describe_check(struct km_command_context *ctx, const struct km_capsule_check *check)
{
	for (size_t i = 0; i < check->stray_count; i++)
		km_finding(ctx->root, "unattributed", KM_PROVEN,
			   "%" PRIu64 " bytes at %s address 0x%" PRIx64 " are nothing that the "
			   "analysis reads",
			   check->strays[i].len, check->strays[i].phys ? "physical" : "virtual",
			   check->strays[i].addr);
	if (check->trouble)
		km_finding(ctx->root, "unattributed", KM_PROVEN, "%s", check->trouble);
	ctx->failed = check->stray_count || check->trouble;
	km_field(ctx->root, "nothing_else", NULL, km_v_bool(!ctx->failed));
	if (!ctx->failed)
		km_note(ctx->root, "every byte of it is one of these items, its types or its "
				   "manifest: nothing else is inside");
}

static km_error *list(struct km_command_context *ctx)
{
	struct km_open_options options = {.source = KM_TYPES_AUTO};
	struct km_capsule_check check = {0};
	struct km_kernel *kernel = NULL;
	struct km_capsule *capsule;
	struct km_node *head;
	km_error *err = km_capsule_open(ctx->options.list, &capsule);

	if (err)
		return err;
	err = km_kernel_open(km_capsule_target(capsule), &options, &kernel);
	if (!err)
		err = km_capsule_check(capsule, kernel, &check);
	if (!err) {
		const struct km_manifest *m = km_capsule_manifest(capsule);
		size_t ranges;

		km_capsule_ranges(capsule, &ranges);
		head = km_compact(ctx->root, "capsule", "capsule");
		km_field(head, "release", "", km_v_text(km_text(head, "%s", m->kernel.release)));
		km_field(head, "types", "types:", km_v_text(km_text(head, "%s", m->kernel.types)));
		for (size_t i = 0; i < 3; i++) {
			static const char *const keys[] = {"build_id_vmlinux", "build_id_kvm",
							   "build_id_vendor_module"};

			km_field(head, keys[i], NULL,
				 km_v_text(m->kernel.build_ids[i]
						   ? km_text(head, "%s", m->kernel.build_ids[i])
						   : NULL));
		}
		km_field(head, "ranges", "ranges", km_v_dec(ranges));
		km_field(head, "type_bytes", "bytes of types", km_v_dec(m->kernel.btf_len));
		describe_manifest(head, m);
		describe_limits(ctx->root, m);
		describe_symbols(ctx->root, m);
		describe_items(ctx->root, &check.capture.rec);
		if (m->kernel.saved) {
			describe_tasks(ctx->root, &m->kernel.saved->tasks);
			describe_stacks(ctx->root, m->kernel.saved);
		}
		describe_check(ctx, &check);
	}
	km_capsule_check_deinit(&check);
	km_kernel_free(kernel);
	km_capsule_close(capsule);
	return err;
}

km_error *km_command_capture(struct km_command_context *ctx)
{
	if (ctx->options.list)
		return list(ctx);
	if (!ctx->options.output)
		return km_errorf(KM_EUSAGE, "say where to with -o FILE, or --list FILE");
	return ctx->kernel ? capture(ctx)
			   : km_errorf(KM_EUSAGE, "this command needs a dump or a target");
}
