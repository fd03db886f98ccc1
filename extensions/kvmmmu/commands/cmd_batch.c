// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kvmmmu batch: one line of JSON about a kernel, for a database of many. The program repeats it for
 * a list of files.
 */
#include "commands/batch.h"
#include "commands/command.h"
#include "commands/command_context.h"
#include "commands/examine.h"
#include "commands/state_counts.h"
#include "diagnose/fingerprint.h"
#include "document/render.h"
#include "host/host_facts.h"
#include "kernel/kernel_types.h"

#include <stdlib.h>

struct batch {
	struct km_command_context *ctx;
	struct km_examiner by;
	struct km_state_counts counts;
	struct km_node *table;
};

static km_error *describe_kernel(struct km_node *root, const struct km_kernel *k)
{
	struct km_host_facts *facts = km_host_facts_read(k);
	char id[2 * KM_BUILD_ID_SIZE + 1];
	const char *time;

	if (!facts)
		return km_errorf(KM_ENOMEM, "out of memory");
	time = facts->facts[KM_HF_time].text;
	km_doc_field(root, "build_id", "build-id",
		     km_v_text(*km_vmlinux_build_id_text(k, id, sizeof(id))
				       ? km_doc_text(root, "%s", id)
				       : NULL));
	km_doc_field(root, "time", "time", km_v_text(*time ? km_doc_text(root, "%s", time) : NULL));
	free(facts);
	return NULL;
}

static struct km_node *add_table(struct km_node *root)
{
	struct km_node *table = km_doc_table(root, "vcpus", NULL);

	km_doc_column(table, "vcpu", "VCPU", false);
	km_doc_column(table, "owner", "OWNER", false);
	km_doc_column(table, "state", "STATE", false);
	km_doc_column(table, "certainty", "CERTAINTY", false);
	km_doc_column(table, "cause", "CAUSE", false);
	km_doc_column(table, "fingerprint", "FINGERPRINT", false);
	return table;
}

/* Above a note. */
static bool is_finding(const struct km_diagnosis *d)
{
	return d->certainty > KM_NOTE;
}

static bool deserves_row(const struct km_explanation *e)
{
	bool found = e->state == KM_STATE_STUCK || e->state == KM_STATE_UNKNOWN;

	for (size_t i = 0; i < e->count && !found; i++)
		found = is_finding(&e->found[i]);
	return found;
}

static void add_row(struct km_command_context *ctx, struct km_node *table,
		    const struct km_examined *x)
{
	const struct km_explanation *e = &x->e;
	const struct km_vm *vm = x->c.vm;
	struct km_node *row = km_doc_row(table);
	const struct km_diagnosis *first = e->count && is_finding(&e->found[0]) ? e->found : NULL;
	char fingerprint[KM_FINGERPRINT];
	const char *text = km_doc_text(row, "%s", km_fingerprint(&x->c, e, fingerprint));

	if (e->state == KM_STATE_STUCK)
		km_context_finds(ctx, e->certainty);
	for (size_t i = 0; i < e->count; i++)
		km_context_finds(ctx, e->found[i].certainty);

	km_doc_cell(row, "vcpu", km_v_text(km_doc_text(row, "%u:%u", vm->number, x->c.vcpu->idx)));
	km_doc_cell(row, "owner", km_v_text(*vm->comm ? km_doc_text(row, "%s", vm->comm) : NULL));
	km_doc_cell(row, "state", km_v_text(km_vcpu_state_name(e->state)));
	km_doc_cell(row, "certainty", km_v_text(km_certainty_text(e->certainty)));
	km_doc_cell(row, "cause", km_v_text(first ? first->id : NULL));
	km_doc_cell(row, "fingerprint", km_v_text(text && *text ? text : NULL));
}

static km_error *add_vcpu(struct batch *run, const struct km_vm *vm, const struct km_vcpu *vcpu)
{
	struct km_examined *x = calloc(1, sizeof(*x));
	km_error *err;

	if (!x)
		return km_errorf(KM_ENOMEM, "out of memory");
	err = km_examine(&run->by, vm, vcpu, x);
	if (!err) {
		km_count_state(&run->counts, x->e.state);
		if (deserves_row(&x->e))
			add_row(run->ctx, run->table, x);
	}
	km_case_deinit(&x->c);
	free(x);
	return err;
}

static km_error *add_vms(struct batch *run)
{
	const struct km_vms *vms = &run->ctx->vms;
	km_error *err = NULL;

	for (size_t i = 0; i < vms->count && !err; i++) {
		const struct km_vm *vm = &vms->vms[i];

		km_count_vm(&run->counts, vm);
		for (size_t j = 0; j < vm->vcpu_count && !err; j++)
			err = add_vcpu(run, vm, &vm->vcpus[j]);
	}
	return err;
}

const char *km_error_class(enum km_errc code)
{
	switch (code) {
	case KM_ENOMEM:
		return "memory";
	case KM_EUSAGE:
		return "usage";
	case KM_EABSENT:
		return "absent";
	case KM_EREAD:
		return "read";
	case KM_EDEBUGINFO:
		return "debuginfo";
	case KM_EDATA:
		return "data";
	case KM_EWRITE:
		return "write";
	case KM_ELIMIT:
		return "limit";
	case KM_EINTR:
		return "interrupt";
	}
	return "unknown";
}

km_error *km_batch_write_failure(const char *file, const char *class, const char *text, FILE *out)
{
	static const struct km_render_options options = {.one_line = true};
	struct km_document *doc = km_document_new();
	struct km_node *root;
	km_error *err;

	if (!doc)
		return km_errorf(KM_ENOMEM, "out of memory");
	root = km_document_root(doc);
	km_doc_field(root, "schema", NULL, km_v_text(KM_SCHEMA));
	km_doc_field(root, "command", NULL, km_v_text("batch"));
	km_doc_field(root, "file", NULL, km_v_text(file));
	km_doc_field(root, "error", NULL, km_v_text(text));
	km_doc_field(root, "error_class", NULL, km_v_text(class));
	err = km_render(doc, KM_FORMAT_JSON, &options, out);
	km_document_free(doc);
	return err;
}

km_error *km_command_batch(struct km_command_context *ctx)
{
	struct batch run = {.ctx = ctx};
	struct km_node *counts;
	km_error *err;

	km_doc_field(ctx->root, "file", NULL, km_v_text(km_memory_target(ctx->kernel->mem)->name));
	km_doc_field(ctx->root, "error", NULL, km_v_text(NULL));
	km_doc_field(ctx->root, "error_class", NULL, km_v_text(NULL));
	err = describe_kernel(ctx->root, ctx->kernel);
	if (!err)
		err = km_context_read_vms(ctx);
	km_vms_find_threads(ctx->kernel, &ctx->vms);
	if (!err)
		err = km_examiner_init(&run.by, ctx->kernel, &ctx->vms);
	counts = km_doc_compact(ctx->root, "summary", NULL);
	run.table = add_table(ctx->root);
	if (!err)
		err = add_vms(&run);
	km_describe_counts(counts, &run.counts);
	km_examiner_deinit(&run.by);
	return err;
}
