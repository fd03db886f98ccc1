// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu capture: write a capsule, or list what is in one. */
#include "commands/command_context.h"

#include "capsule/capsule_types.h"
#include "capsule/capsule_check.h"
#include "capsule/capsule_write.h"
#include "kernel/kernel_types.h"
#include "threads/saved_stacks.h"
#include "types/types_chain.h"
#include "kernel/kernel_open.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The selection as numbers, which are the same however the user named it. */
static km_error *select_numbers(struct km_command_context *ctx, struct km_capture_options *o)
{
	const struct km_capsule_info *capsule = km_target_info(km_memory_target(ctx->kernel->mem));
	struct km_vm *vm;
	struct km_vcpu *vcpu;
	km_error *err;

	/* a capsule of a capsule covers no more than that did */
	o->vm = capsule ? capsule->vm : KM_ALL;
	o->vcpu = capsule ? capsule->vcpu : KM_ALL;
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

/* What the manifest contains about the kernel; @ids and @types hold its texts. */
static void fill_info(const struct km_kernel *k, char ids[3][48], char *types,
		      struct km_capsule_info *info)
{
	const struct km_capsule_info *capsule = km_target_info(km_memory_target(k->mem));
	const struct km_build_id found[3] = {km_vmlinux_build_id(k), k->kvm.build_id,
					     k->vendor_module.build_id};

	if (capsule) {
		*info = *capsule;
		return;
	}
	km_drop_folders(types);
	*info = (struct km_capsule_info){
		.release = k->release,
		.vendor = km_vendor_name(k->vendor),
		.types = types,
		/* without its reason, which may name the folders of this machine */
		.vendor_trouble =
			k->vendor_trouble ? "they were missing when the capsule was made" : NULL,
		.symbol_pages_lost = k->kvm.pages_lost,
	};
	for (size_t i = 0; i < 3; i++) {
		if (found[i].len)
			info->build_ids[i] = km_build_id_text(&found[i], ids[i], sizeof(ids[i]));
	}
}

static void describe_limits(struct km_node *root, const struct km_manifest *m)
{
	if (m->limit_hit)
		km_doc_note(root,
			    "only %" PRIu64 " page-table pages are included (--limit): upper "
			    "levels come first, and some lower levels are left out",
			    m->pages);
	if (m->left_out)
		km_doc_note(root,
			    "%" PRIu64
			    " pages that entries point to are left out: nothing proves that "
			    "they are page-table pages",
			    m->left_out);
	if (m->kernel.types_made)
		km_doc_note(root, "types come from DWARF: only the members that this version reads "
				  "are included");
	if (!m->kernel.names)
		km_doc_note(root, "process names are not included (--with-names)");
	if (m->kernel.redacted)
		km_doc_note(root,
			    "addresses of the kernel's image and of its modules are moved: they "
			    "are not those of the kernel; other addresses are unchanged");
}

/* Has this kernel stopped running? Only then are its addresses of no use to an attacker. */
static bool has_panicked(const struct km_kernel *k)
{
	struct km_val cpu = km_kernel_variable(k, "panic_cpu", 4);

	return km_is_known(cpu) && (int32_t)cpu.v >= 0;
}

static void warn_of_addresses(struct km_node *root, const struct km_kernel *k)
{
	const struct km_target *target = km_memory_target(k->mem);
	bool runs = km_target_runs(target);

	if (!runs && has_panicked(k))
		return;
	km_doc_note(root,
		    "the capsule contains addresses of kernel symbols: until this host is "
		    "rebooted, they reveal what KASLR hides from attackers%s; --redact moves them",
		    runs ? "" : " (nothing shows that it has panicked)");
}

static void describe_manifest(struct km_node *root, const struct km_manifest *m)
{
	const char *selection = m->kernel.vm < 0 ? "all VMs"
				: m->kernel.vcpu < 0
					? km_doc_text(root, "VM %" PRId64, m->kernel.vm)
					: km_doc_text(root, "vCPU %" PRId64 ":%" PRId64,
						      m->kernel.vm, m->kernel.vcpu);

	km_doc_field(root, "selection", "selection", km_v_text(selection));
	km_doc_field(root, "names", NULL, km_v_bool(m->kernel.names));
	km_doc_field(root, "page_table_pages", "page-table pages", km_v_dec(m->pages));
	km_doc_field(root, "page_limit", NULL, km_v_dec(m->limit));
	km_doc_field(root, "page_limit_hit", NULL, km_v_bool(m->limit_hit));
	km_doc_field(root, "pages_left_out", NULL, km_v_dec(m->left_out));
	km_doc_field(root, "types_made", NULL, km_v_bool(m->kernel.types_made));
	km_doc_field(root, "redacted", NULL, km_v_bool(m->kernel.redacted));
}

/* Types of a dump, as its capsule contains them. */
struct blob {
	void *bytes;
	size_t len;
	bool made;
};

static km_error *write_capsule(struct km_command_context *ctx, const struct km_output *to,
			       struct km_capture *capture, const struct blob *blob,
			       struct km_manifest *m)
{
	const struct km_capsule_info *capsule = km_target_info(km_memory_target(ctx->kernel->mem));
	char *types = strdup(km_layout_types(ctx->kernel->layout)->origin), ids[3][48];
	bool redact = ctx->options.redact && !(capsule && capsule->redacted);
	const int64_t vm = m->kernel.vm, vcpu = m->kernel.vcpu;
	struct km_rebase rebase;
	struct km_capsule_size size;
	km_error *err;

	if (!types)
		return km_errorf(KM_ENOMEM, "out of memory");
	fill_info(ctx->kernel, ids, types, &m->kernel);
	m->kernel.vm = vm;
	m->kernel.vcpu = vcpu;
	m->kernel.names = ctx->options.names && (!capsule || capsule->names);
	if (!capsule) {
		m->kernel.btf = blob->bytes;
		m->kernel.btf_len = blob->len;
		m->kernel.types_made = blob->made;
	}
	if (redact) {
		m->kernel.redacted = true;
		km_rebase_init(&rebase, ctx->kernel, &capture->rec);
		km_rebase_recorded(&rebase, &capture->rec);
	}
	err = km_capsule_write(to, ctx->kernel->mem, &capture->rec, m, redact ? &rebase : NULL,
			       &size);
	if (!err) {
		struct km_node *head = km_doc_compact(ctx->root, "capsule", "capsule");

		km_doc_field(head, "file", "",
			     km_v_text(km_doc_text(head, "%s", ctx->options.output)));
		km_doc_field(head, "bytes", "bytes", km_v_dec(size.packed));
		km_doc_field(head, "unpacked_bytes", "unpacked", km_v_dec(size.unpacked));
		km_doc_field(head, "ranges", "ranges", km_v_dec(size.ranges));
		describe_manifest(head, m);
		describe_limits(ctx->root, m);
		if (!m->kernel.redacted)
			warn_of_addresses(ctx->root, ctx->kernel);
	}
	free(types);
	return err;
}

static km_error *capture(struct km_command_context *ctx)
{
	struct km_capture_options options = {.names = ctx->options.names, .limit = KM_CAPTURE_MAX};
	const struct km_output to = {ctx->options.output, ctx->options.force};
	struct km_capture found = {0};
	struct blob blob = {0};
	struct km_manifest m;
	km_error *err = km_output_check(&to, km_memory_target(ctx->kernel->mem));

	if (!err && ctx->options.limit > KM_CAPTURE_MAX)
		err = km_errorf(KM_EUSAGE, "--limit of a capsule is at most %d page-table pages",
				KM_CAPTURE_MAX);
	if (ctx->options.limit)
		options.limit = ctx->options.limit;
	if (!err)
		err = select_numbers(ctx, &options);
	/* first: libbpf's copies of all types are freed before anything is recorded */
	if (!err && !km_target_info(km_memory_target(ctx->kernel->mem)))
		err = km_closure_of_layout(ctx->kernel->layout, &blob.bytes, &blob.len, &blob.made);
	if (!err)
		err = km_capture(ctx->kernel, &options, &found);
	m = (struct km_manifest){
		.kernel = {.vm = options.vm, .vcpu = options.vcpu},
		.pages = found.pages,
		.limit = options.limit,
		.left_out = found.left_out,
		.limit_hit = found.limit_hit,
		.symbols = found.rec.symbols,
		.symbol_count = found.rec.symbol_count,
	};
	if (!err)
		err = write_capsule(ctx, &to, &found, &blob, &m);
	km_capture_deinit(&found);
	free(blob.bytes);
	return err;
}

static void describe_symbols(struct km_node *root, const struct km_manifest *m)
{
	struct km_node *table = km_doc_table(root, "symbols", NULL);

	km_doc_column(table, "address", "ADDRESS", false);
	km_doc_column(table, "name", "SYMBOL", false);
	for (size_t i = 0; i < m->symbol_count; i++) {
		struct km_node *row = km_doc_row(table);

		km_doc_cell(row, "address", km_v_hex(m->symbols[i].addr));
		km_doc_cell(row, "name", km_v_text(km_doc_text(root, "%s", m->symbols[i].name)));
	}
}

static void describe_items(struct km_node *root, const struct km_recorder *rec)
{
	struct km_node *table = km_doc_table(root, "items", NULL);

	km_doc_column(table, "space", "SPACE", false);
	km_doc_column(table, "address", "ADDRESS", false);
	km_doc_column(table, "bytes", "BYTES", true);
	km_doc_column(table, "what", "WHAT", false);
	km_doc_column(table, "why", "FOR", false);
	for (size_t i = 0; i < rec->count; i++) {
		const struct km_item *item = &rec->items[i];
		struct km_node *row = km_doc_row(table);

		km_doc_cell(row, "space", km_v_text(item->phys ? "phys" : "virt"));
		km_doc_cell(row, "address", km_v_hex(item->addr));
		km_doc_cell(row, "bytes", km_v_dec(item->len));
		km_doc_cell(row, "what", km_v_text(item->what));
		km_doc_cell(row, "why", km_v_text(item->why));
	}
}

static void describe_tasks(struct km_node *root, const struct km_saved_tasks *tasks)
{
	struct km_node *table = km_doc_table(root, "tasks", NULL);

	km_doc_column(table, "address", "TASK", false);
	km_doc_column(table, "tid", "TID", true);
	km_doc_column(table, "tgid", "TGID", true);
	km_doc_column(table, "state", "STATE", true);
	km_doc_column(table, "on_cpu", "ON CPU", true);
	km_doc_column(table, "mm", "MM", false);
	km_doc_column(table, "comm", "NAME", false);
	for (size_t i = 0; i < tasks->count; i++) {
		const struct km_saved_task *t = &tasks->tasks[i];
		struct km_node *row = km_doc_row(table);

		km_doc_cell(row, "address", km_v_hex(t->addr));
		km_doc_cell(row, "tid", km_v_val(t->tid, KM_V_DEC));
		km_doc_cell(row, "tgid", km_v_val(t->tgid, KM_V_DEC));
		km_doc_cell(row, "state", km_v_val(t->state, KM_V_HEX));
		km_doc_cell(row, "on_cpu", km_v_val(t->on_cpu, KM_V_DEC));
		km_doc_cell(row, "mm", km_v_val(t->mm, KM_V_HEX));
		km_doc_cell(row, "comm", km_v_text(km_doc_text(root, "%s", t->comm)));
	}
}

static void add_frame(struct km_node *table, uint64_t task, const struct km_frame *f)
{
	struct km_node *row = km_doc_row(table);

	km_doc_cell(row, "task", km_v_hex(task));
	km_doc_cell(row, "function",
		    km_v_text(km_doc_text(table, "%s+0x%" PRIx32, f->function, f->offset)));
	km_doc_cell(row, "pc", km_v_hex(f->pc));
	km_doc_cell(row, "sp", km_v_hex(f->sp));
	km_doc_cell(row, "sure", km_v_bool(f->sure));
}

/* Every frame of every stack: a capsule contains nothing else of stacks. */
static void describe_stacks(struct km_node *root, const struct km_saved_stacks *saved)
{
	struct km_node *frames = km_doc_table(root, "frames", NULL);
	struct km_node *faults = km_doc_table(root, "page_faults", NULL);

	km_doc_column(frames, "task", "STACK OF", false);
	km_doc_column(frames, "function", "FUNCTION", false);
	km_doc_column(frames, "pc", "PC", false);
	km_doc_column(frames, "sp", "FOUND AT", false);
	km_doc_column(frames, "sure", "SURE", false);
	km_doc_column(faults, "task", "STACK OF", false);
	km_doc_column(faults, "address", "KVM_PAGE_FAULT", false);
	for (size_t i = 0; i < saved->count; i++) {
		const struct km_saved_stack *s = &saved->stacks[i];

		for (size_t j = 0; j < s->stack.count; j++)
			add_frame(frames, s->stack.task, &s->stack.frames[j]);
		for (size_t j = 0; j < s->faults.count; j++) {
			struct km_node *row = km_doc_row(faults);

			km_doc_cell(row, "task", km_v_hex(s->stack.task));
			km_doc_cell(row, "address", km_v_hex(s->faults.at[j]));
		}
	}
}

static void describe_check(struct km_command_context *ctx, const struct km_capsule_check *check)
{
	for (size_t i = 0; i < check->stray_count; i++)
		km_doc_finding(ctx->root, "unattributed", KM_PROVEN,
			       "the analysis does not read the %" PRIu64
			       " bytes at %s address 0x%" PRIx64,
			       check->strays[i].len, check->strays[i].phys ? "physical" : "virtual",
			       check->strays[i].addr);
	if (check->trouble)
		km_doc_finding(ctx->root, "unattributed", KM_PROVEN, "%s", check->trouble);
	ctx->failed = check->stray_count || check->trouble;
	km_doc_field(ctx->root, "nothing_else", NULL, km_v_bool(!ctx->failed));
	if (!ctx->failed)
		km_doc_note(ctx->root, "every byte of the capsule belongs to one of these items, "
				       "its types or its manifest: nothing else is inside");
}

static struct km_value text_copy(struct km_node *node, const char *text)
{
	return km_v_text(text ? km_doc_text(node, "%s", text) : NULL);
}

static void describe_capsule(struct km_node *root, struct km_capsule *capsule,
			     const struct km_manifest *m)
{
	const char *const *ids = m->kernel.build_ids;
	struct km_node *head = km_doc_compact(root, "capsule", "capsule");
	size_t ranges;

	km_capsule_ranges(capsule, &ranges);
	km_doc_field(head, "release", "", text_copy(head, m->kernel.release));
	km_doc_field(head, "types", "types from", text_copy(head, m->kernel.types));
	km_doc_field(head, "build_id_vmlinux", NULL, text_copy(head, ids[0]));
	km_doc_field(head, "build_id_kvm", NULL, text_copy(head, ids[1]));
	km_doc_field(head, "build_id_vendor_module", NULL, text_copy(head, ids[2]));
	km_doc_field(head, "ranges", "ranges", km_v_dec(ranges));
	km_doc_field(head, "type_bytes", "bytes of types", km_v_dec(m->kernel.btf_len));
	describe_manifest(head, m);
}

/* The document copies what it shows, because @capsule and @check are freed before it. */
static void describe_contents(struct km_command_context *ctx, struct km_capsule *capsule,
			      const struct km_capsule_check *check)
{
	const struct km_manifest *m = km_capsule_manifest(capsule);

	describe_capsule(ctx->root, capsule, m);
	describe_limits(ctx->root, m);
	describe_symbols(ctx->root, m);
	describe_items(ctx->root, &check->capture.rec);
	if (m->kernel.saved) {
		describe_tasks(ctx->root, &m->kernel.saved->tasks);
		describe_stacks(ctx->root, m->kernel.saved);
	}
	describe_check(ctx, check);
}

static km_error *list(struct km_command_context *ctx)
{
	struct km_open_options options = {.source = KM_TYPES_AUTO};
	struct km_capsule_check check = {0};
	struct km_kernel *kernel = NULL;
	struct km_capsule *capsule;
	km_error *err = km_capsule_open(ctx->options.list, &capsule);

	if (err)
		return err;
	km_document_limit(ctx->root->doc, km_capsule_target(capsule)->limits.document);
	err = km_kernel_open(km_capsule_target(capsule), &options, &kernel);
	if (!err)
		err = km_capsule_check(capsule, kernel, &check);
	if (!err)
		describe_contents(ctx, capsule, &check);
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
		return km_errorf(KM_EUSAGE, "capture needs -o FILE or --list FILE");
	return ctx->kernel ? capture(ctx)
			   : km_errorf(KM_EUSAGE, "this command needs a dump or a target");
}
