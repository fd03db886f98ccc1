// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/before.h"

#include "capsule/capsule.h"
#include "commands/moments_json.h"
#include "kernel/kernel_open.h"

#include <inttypes.h>
#include <string.h>

/* ---- reading the other file ---- */

static km_error *open_capsule(const char *path, struct km_opened *opened)
{
	km_error *err;

	if (!km_is_capsule(path, &err))
		return err ? err
			   : km_errorf(KM_EABSENT,
				       "%s is neither a capsule nor an answer in JSON: a debugger "
				       "can have only one dump open. To make a capsule, run "
				       "\"kvmmmu %s capture -o "
				       "CAPSULE\" in a shell",
				       path, path);
	return km_capsule_open_target(path, opened);
}

static km_error *read_moments(const struct km_command_context *ctx, struct km_target *target,
			      const struct km_moments_scope *scope, struct km_moments *moments)
{
	const struct km_open_options options = {.source = ctx->options.types};
	struct km_kernel *kernel = NULL;
	struct km_vms vms = {0};
	km_error *err = km_kernel_open(target, &options, &kernel);

	if (err)
		return err;
	err = km_vms_read(kernel, &vms);
	km_vms_find_threads(kernel, &vms);
	if (!err)
		err = km_moments_read(kernel, &vms, scope, moments);
	km_vms_deinit(&vms);
	km_kernel_free(kernel);
	return err;
}

/*
 * Report what could not be read of the other file: in the error, if there is one, otherwise in the
 * answer.
 */
static km_error *name_read_errors(struct km_node *root, struct km_target *target, const char *name,
				  km_error *err)
{
	struct km_file *file = km_target_file(target);
	const char *trouble = file ? km_file_trouble(file) : NULL;

	if (!trouble)
		return err;
	if (err)
		return km_error_context(err, "%s", trouble);
	km_doc_note(root, "%s: %s; anything that depends on them is unknown", name, trouble);
	return NULL;
}

static km_error *read_dump(struct km_command_context *ctx, const char *file,
			   const struct km_moments_scope *scope, struct km_before *before)
{
	const struct km_target *target = ctx->kernel ? km_memory_target(ctx->kernel->mem) : NULL;
	const char *debug = target ? target->debug_dir : ctx->options.debug;
	struct km_opened opened = {0};
	km_error *err = ctx->open ? ctx->open(file, debug, &opened) : open_capsule(file, &opened);

	if (err)
		return err;
	err = km_error_context(read_moments(ctx, opened.target, scope, &before->moments), "%s",
			       file);
	err = name_read_errors(ctx->root, opened.target, file, err);
	km_opened_close(&opened);
	return err;
}

km_error *km_before_read(struct km_command_context *ctx, const struct km_moments_scope *scope,
			 struct km_before *before)
{
	const char *file = ctx->options.before;
	km_error *err;

	before->file = file;
	before->other = ctx->options.after ? ctx->options.after : "the dump";
	if (!km_is_json(file))
		return read_dump(ctx, file, scope, before);
	err = km_moments_read_json(file, &before->moments);
	if (!err && !before->moments.redacted) /* @scope is of other addresses */
		km_moments_keep(&before->moments, scope);
	return err;
}

void km_before_relate(struct km_before *before, struct km_moments *now)
{
	km_boot_compare(&before->moments.boot, &now->boot, &before->relation);
	km_moments_pair(&before->moments, now);
}

void km_before_deinit(struct km_before *before)
{
	km_moments_deinit(&before->moments);
}

km_error *km_before_check(const struct km_before *before)
{
	if (before->relation.same != KM_BOOT_DIFFERS)
		return NULL;
	return km_errorf(KM_EDATA, "%s is not of the same boot as %s: %s", before->file,
			 before->other, before->relation.why);
}

/* ---- how the two relate ---- */

/* "3 s before the dump" */
static const char *order_text(struct km_node *node, const struct km_before *before)
{
	const struct km_boot_relation *r = &before->relation;
	const char *interval =
		r->has_interval ? km_doc_text(node, "%" PRIu64 " s ", r->interval) : "";

	if (r->same_moment)
		return "the same moment";
	if (!r->order_known)
		return "not known; taken as the earlier one";
	return km_doc_text(node, "%s%s %s", interval, r->later ? "before" : "after", before->other);
}

void km_describe_before(struct km_node *root, const struct km_before *before)
{
	const struct km_boot_relation *r = &before->relation;
	struct km_node *section = km_doc_section(root, "before", NULL);
	const char *same = km_same_boot_text(r->same);

	km_doc_field(section, "file", "compared with",
		     km_v_text(km_doc_text(section, "%s", before->file)));
	if (r->same != KM_BOOT_DIFFERS)
		km_doc_field(section, NULL, "taken", km_v_text(order_text(section, before)));
	km_doc_field(section, "seconds", NULL,
		     r->has_interval ? km_v_signed(km_boot_reversed(r) ? -(int64_t)r->interval
								       : (int64_t)r->interval)
				     : km_v_none(NULL));
	km_doc_field(section, "earlier", NULL,
		     r->order_known && !r->same_moment ? km_v_bool(r->later) : km_v_none(NULL));
	km_doc_field(section, NULL, "same boot",
		     km_v_tone(km_v_text(km_doc_text(section, "%s: %s", same, r->why)),
			       r->same == KM_BOOT_DIFFERS ? KM_TONE_ALARM : KM_TONE_PLAIN));
	km_doc_field(section, "same_boot", NULL, km_v_text(same));
	km_doc_field(section, "same_boot_text", NULL,
		     km_v_text(km_doc_text(section, "%s", r->why)));
}

/* ---- the verdict of both ---- */

void km_before_judge(const struct km_before *before, const struct km_moment *then,
		     const struct km_moment *now, struct km_samples_verdict *v)
{
	bool turned = km_boot_reversed(&before->relation);
	struct km_sample samples[] = {turned ? now->sample : then->sample,
				      turned ? then->sample : now->sample};

	for (int i = 0; i < 2 && before->moments.by_owner; i++)
		km_sample_drop_addresses(&samples[i]);
	km_samples_judge(samples, 2, v);
	/* progress earlier in between does not refute a loop that has begun since */
	if (v->trend == KM_TREND_PROGRESSES && v->certainty < KM_LIKELY &&
	    samples[1].state == KM_STATE_STUCK) {
		v->trend = KM_TREND_OPEN;
		v->certainty = KM_NOTE;
		snprintf(
			v->text, sizeof(v->text), "%s",
			samples[0].state == KM_STATE_STUCK
				? "both show a loop, and it is not known whether it is the same one"
				: "the later one shows a loop, which may have begun in between");
	}
	if (before->relation.same != KM_BOOT_SAME)
		km_at_most(&v->certainty, KM_POSSIBLE);
}

void km_before_settle(const struct km_before *before, const struct km_samples_verdict *v,
		      struct km_explanation *e)
{
	if (v->trend == KM_TREND_LOOPS && before->relation.same == KM_BOOT_SAME)
		km_samples_settle(v, e);
}

/* ---- samples as a table ---- */

static void add_look(struct km_node *table, const struct km_sample *s)
{
	struct km_node *row = km_doc_row(table);

	km_doc_cell(row, "address", s->has_fault ? km_v_hex(s->addr) : km_v_none("-"));
	km_doc_cell(row, "error_code", km_v_val(s->error_code, KM_V_HEX));
	km_doc_cell(row, "rip", km_v_val(s->rip, KM_V_HEX));
	km_doc_cell(row, "exits", km_v_val(s->exits, KM_V_DEC));
	km_doc_cell(row, "pf_taken", km_v_val(s->pf_taken, KM_V_DEC));
	km_doc_cell(row, "pf_fixed", km_v_val(s->pf_fixed, KM_V_DEC));
	km_doc_cell(row, "pf_spurious", km_v_val(s->pf_spurious, KM_V_DEC));
	km_doc_cell(row, "pf_emulate", km_v_val(s->pf_emulate, KM_V_DEC));
	km_doc_cell(row, "spte", s->has_spte ? km_v_hex(s->spte) : km_v_none("-"));
}

void km_describe_looks(struct km_node *entry, const char *label, const struct km_sample *samples,
		       size_t count, const struct km_samples_verdict *v)
{
	struct km_node *section = km_doc_section(entry, "watch", NULL), *table;

	km_doc_field(section, "trend", NULL, km_v_text(km_trend_name(v->trend)));
	km_doc_field(section, "certainty", NULL, km_v_text(km_certainty_text(v->certainty)));
	km_doc_field(section, "text", label, km_v_text(km_doc_text(section, "%s", v->text)));
	table = km_doc_table(section, "looks", NULL);
	km_doc_column(table, "address", "ADDRESS", false);
	km_doc_column(table, "error_code", "ERROR CODE", false);
	km_doc_column(table, "rip", "RIP", false);
	km_doc_column(table, "exits", "EXITS", true);
	km_doc_column(table, "pf_taken", "PF", true);
	km_doc_column(table, "pf_fixed", "FIXED", true);
	km_doc_column(table, "pf_spurious", "SPUR", true);
	km_doc_column(table, "pf_emulate", "EMUL", true);
	km_doc_column(table, "spte", "SPTE", false);
	for (size_t i = 0; i < count; i++)
		add_look(table, &samples[i]);
}
