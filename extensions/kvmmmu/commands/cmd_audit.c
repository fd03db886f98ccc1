// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu audit: contradictions in the page tables of each VM. */
#include "commands/command_context.h"
#include "commands/describe_audit.h"

#include "audit/audit.h"
#include "threads/tasks_read.h"

#include <inttypes.h>
#include <string.h>

#define DEFAULT_LIMIT 3

/* Set the kinds that are in @list, with commas between them. */
static km_error *parse_kinds(const char *list, struct km_audit_options *options)
{
	char id[32];
	size_t len;

	if (!list)
		return NULL;
	options->chosen = true;
	for (;; list += len + 1) {
		enum km_audit_kind kind;

		len = strcspn(list, ",");
		snprintf(id, sizeof(id), "%.*s", (int)len, list);
		if (len >= sizeof(id) || !km_audit_kind_find(id, &kind))
			return km_errorf(KM_EUSAGE, "there is no kind of anomaly \"%.*s\"",
					 (int)len, list);
		options->only[kind] = true;
		if (!list[len])
			return NULL;
	}
}

static void describe_sums(struct km_node *node, const struct km_vm_audit *audit,
			  const struct km_audit_options *options)
{
	struct km_node *table = km_doc_table(node, "kinds", NULL);

	km_doc_machine_only(table);
	km_doc_column(table, "kind", "KIND", false);
	km_doc_column(table, "found", "FOUND", true);
	km_doc_column(table, "unknown", "UNKNOWN", true);
	km_doc_column(table, "certainty", "CERTAINTY", false);
	for (int i = 0; i < KM_AUDIT_KINDS; i++) {
		const struct km_audit_sum *sum = &audit->sums[i];
		struct km_node *row;

		if (options->chosen && !options->only[i])
			continue;
		row = km_doc_row(table);
		km_doc_cell(row, "kind", km_v_text(km_audit_texts[i].id));
		km_doc_cell(row, "found", km_v_dec(sum->found));
		km_doc_cell(row, "unknown", km_v_dec(sum->unknown));
		km_doc_cell(row, "certainty",
			    sum->found ? km_v_text(km_certainty_text(sum->certainty))
				       : km_v_none("-"));
	}
}

static void describe_found(struct km_node *node, const struct km_vm_audit *audit)
{
	for (int i = 0; i < KM_AUDIT_KINDS; i++) {
		const struct km_audit_text *text = &km_audit_texts[i];
		const struct km_audit_sum *sum = &audit->sums[i];

		if (!sum->found)
			continue;
		km_doc_finding(node, text->id, sum->certainty, "%s Found %s.%s%s", text->means,
			       sum->found == 1 ? "once"
					       : km_doc_text(node, "%" PRIu64 " times", sum->found),
			       text->legal ? " " : "", text->legal ? text->legal : "");
	}
}

static uint64_t count_found(const struct km_vm_audit *audit)
{
	uint64_t found = 0;

	for (int i = 0; i < KM_AUDIT_KINDS; i++)
		found += audit->sums[i].found;
	return found;
}

static void describe_anomalies(struct km_node *node, const struct km_vm_audit *audit)
{
	struct km_node *table = km_doc_table(node, "anomalies", NULL);
	uint64_t found = count_found(audit);

	if (!audit->count)
		km_doc_machine_only(table);
	km_anomaly_columns(table);
	for (size_t i = 0; i < audit->count; i++)
		km_anomaly_row(table, &audit->anomalies[i]);
	if (found > audit->count)
		km_doc_note(node,
			    "%" PRIu64 " more anomalies are counted, but not listed (--limit)",
			    found - audit->count);
}

/* What the answer does not cover. */
static void describe_limits(struct km_node *node, const struct km_vm_audit *audit)
{
	const char *list = "";

	for (int i = 0; i < KM_AUDIT_KINDS; i++) {
		if (audit->sums[i].unknown)
			list = km_doc_text(node, "%s%s%s %" PRIu64, list, *list ? ", " : "",
					   km_audit_texts[i].id, audit->sums[i].unknown);
	}
	if (audit->no_format)
		km_doc_note(node, "nothing was checked: the SPTEs of this kernel cannot be "
				  "decoded, because its masks are not known");
	if (*list)
		km_doc_note(node, "unknown, because something is not readable: %s", list);
	if (audit->contexts_lost)
		km_doc_note(node,
			    "%" PRIu64 " MMU context%s of its vCPUs %s not readable: %s roots are "
			    "not known",
			    audit->contexts_lost, audit->contexts_lost == 1 ? "" : "s",
			    audit->contexts_lost == 1 ? "is" : "are",
			    audit->contexts_lost == 1 ? "its" : "their");
	if (audit->unreadable)
		km_doc_note(node,
			    "%" PRIu64 " page tables are not readable: what they map is not "
			    "checked",
			    audit->unreadable);
	if (audit->others_lost)
		km_doc_note(node, "page tables that are below no root of a vCPU are not known, and "
				  "were not examined");
	if (audit->limit_hit)
		km_doc_note(node, "there are more page tables than were examined");
	if (audit->changing)
		km_doc_note(node,
			    "page tables may be changing: %s. Anomalies that KVM causes "
			    "temporarily are reported as notes",
			    audit->why_changing);
	if (audit->moving)
		km_doc_note(node, "the kernel runs while it is read: all anomalies are notes");
}

/* Was no page table read, although there may be some? Then nothing is known of anomalies. */
static bool checked_nothing(const struct km_vm_audit *audit)
{
	return !audit->tables && !count_found(audit) &&
	       (audit->no_format || audit->unreadable || audit->contexts_lost);
}

static const char *vm_title(struct km_node *list, const struct km_vm *vm,
			    const struct km_vm_audit *audit)
{
	uint64_t found = count_found(audit);

	return km_doc_text(
		list,
		"VM %u (%s): %" PRIu64 " page table%s, %" PRIu64 " entr%s, %" PRIu64 " lea%s: %s",
		vm->number, vm->comm[0] ? vm->comm : "?", audit->tables,
		audit->tables == 1 ? "" : "s", audit->entries, audit->entries == 1 ? "y" : "ies",
		audit->leaves, audit->leaves == 1 ? "f" : "ves",
		found ? km_doc_text(list, "%" PRIu64 " anomal%s", found, found == 1 ? "y" : "ies")
		: checked_nothing(audit) ? "no page table could be checked"
					 : "no anomalies");
}

static km_error *audit_vm(struct km_command_context *ctx, struct km_node *list,
			  const struct km_vm *vm, const struct km_audit_options *options)
{
	struct km_vm_audit audit;
	struct km_node *node;
	km_error *err = km_vm_audit(ctx->kernel, vm, options, &audit);

	if (!err) {
		node = km_doc_section(list, NULL, vm_title(list, vm, &audit));
		km_doc_field(node, "vm", NULL, km_v_dec(vm->number));
		km_doc_field(node, "kvm", NULL, km_v_hex(vm->addr));
		km_doc_field(node, "tables", NULL, km_v_dec(audit.tables));
		km_doc_field(node, "entries", NULL, km_v_dec(audit.entries));
		km_doc_field(node, "leaves", NULL, km_v_dec(audit.leaves));
		km_doc_field(node, "unreadable", NULL, km_v_dec(audit.unreadable));
		km_doc_field(node, "changing", NULL, km_v_bool(audit.changing));
		describe_sums(node, &audit, options);
		describe_found(node, &audit);
		describe_anomalies(node, &audit);
		describe_limits(node, &audit);
		ctx->failed |= checked_nothing(&audit);
		km_describe_lost_vcpus(node, vm);
	}
	km_vm_audit_deinit(&audit);
	return err;
}

km_error *km_command_audit(struct km_command_context *ctx)
{
	struct km_audit_options options = {
		.tell_changes = true,
		.mmu = ctx->options.mmu,
		.limit = ctx->options.limit ? ctx->options.limit : DEFAULT_LIMIT,
	};
	struct km_tasks tasks = {0};
	struct km_vm *only = NULL;
	struct km_node *list;
	km_error *err = parse_kinds(ctx->options.kinds, &options);

	if (!err)
		err = km_context_read_vms(ctx);
	if (!err && ctx->argc)
		err = km_select_vm(&ctx->vms, ctx->argv[0], &only);
	if (!err)
		err = km_check_covered(&ctx->vms, only, NULL);
	if (err)
		return err;
	km_vms_find_threads(ctx->kernel, &ctx->vms);
	km_tasks_prepare(ctx->kernel, &ctx->vms, &tasks);
	options.tasks = &tasks;
	list = km_doc_list(ctx->root, "vms");
	for (size_t i = 0; i < ctx->vms.count && !err; i++) {
		if (!ctx->vms.vms[i].left_out && (!only || only == &ctx->vms.vms[i]))
			err = audit_vm(ctx, list, &ctx->vms.vms[i], &options);
	}
	km_describe_left_out(ctx, only, true);
	km_describe_no_vms(ctx);
	km_tasks_deinit(&tasks);
	return err;
}
