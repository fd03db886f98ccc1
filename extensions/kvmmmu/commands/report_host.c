// SPDX-License-Identifier: GPL-2.0-or-later
/* The chapter of a report about the host. */
#include "commands/report.h"

#include "commands/describe_trace.h"
#include "host/host_facts.h"

#include <stdlib.h>
#include <string.h>

#define FOLDED 3 /* facts that lack the same thing are one line */

/* Facts that are not known because the capsule or the kernel lacks what they are read from. */
struct lacking {
	const char *labels;
	unsigned count;
};

/* Machines get null, and the reason apart. */
static void report_missing(struct km_node *chapter, const struct km_host_fact *f, bool fold)
{
	km_doc_field(chapter, f->id, fold ? NULL : f->label,
		     km_v_none(km_doc_text(chapter, "not known: %s", f->why)));
	km_doc_point(chapter, "not_known", "%s: %s", f->id, f->why);
	if (chapter)
		km_doc_machine_only(chapter->last);
}

static struct lacking count_lacking(struct km_node *chapter, const struct km_host_facts *facts)
{
	struct lacking all = {.labels = ""};

	for (size_t i = 0; i < KM_HOST_FACT_COUNT; i++) {
		const struct km_host_fact *f = &facts->facts[i];

		if (*f->text || !f->lacking)
			continue;
		all.labels =
			km_doc_text(chapter, "%s%s%s", all.labels, all.count ? ", " : "", f->label);
		all.count++;
	}
	return all;
}

static void report_facts(struct km_node *chapter, const struct km_host_facts *facts)
{
	struct lacking lacking = count_lacking(chapter, facts);

	for (size_t i = 0; i < KM_HOST_FACT_COUNT; i++) {
		const struct km_host_fact *f = &facts->facts[i];

		if (*f->text)
			km_doc_field(chapter, f->id, f->label,
				     km_v_text(km_doc_text(chapter, "%s", f->text)));
		else
			report_missing(chapter, f, f->lacking && lacking.count >= FOLDED);
	}
	if (lacking.count >= FOLDED)
		km_doc_field(chapter, NULL, "not known",
			     km_v_text(km_doc_text(chapter,
						   "not in this capsule, or not in this kernel: %s",
						   lacking.labels)));
}

static void report_params(struct km_node *chapter, const struct km_host_params *all)
{
	struct km_node *table = km_doc_table(chapter, "parameters", "module parameters");

	km_doc_column(table, "module", "MODULE", false);
	km_doc_column(table, "name", "PARAMETER", false);
	km_doc_column(table, "value", "VALUE", false);
	for (size_t i = 0; i < all->count; i++) {
		const struct km_host_param *p = &all->params[i];
		struct km_node *row = km_doc_row(table);

		km_doc_cell(row, "module", km_v_text(p->module));
		km_doc_cell(row, "name", km_v_text(km_doc_text(table, "%s", p->name)));
		km_doc_cell(row, "value",
			    p->value[0] ? km_v_text(km_doc_text(table, "%s", p->value))
					: km_v_none(p->why ? p->why : ""));
	}
	if (!all->count)
		km_doc_machine_only(table);
	if (all->why[0])
		km_doc_note(chapter, "%s", all->why);
}

/* The process that a WARN names stays out of a redacted report, which may not know its name. */
static void without_process(struct km_log *log)
{
	for (size_t i = 0; i < log->count; i++) {
		char *name = strstr(log->entries[i].text, ", CPU#");

		if (!name)
			name = strstr(log->entries[i].text, "Comm:");
		if (name)
			*name = 0;
	}
}

static void report_log(struct km_report *run, struct km_node *chapter)
{
	if (run->redaction)
		without_process(run->log);
	km_describe_log_lines(chapter, run->log);
	if (run->log_why)
		km_doc_note(chapter, "KVM's messages in the kernel log are not known: %s",
			    run->log_why);
	else if (!run->log->count)
		km_doc_note(chapter, "There is no message of KVM in the kernel log.");
	else
		km_doc_note(chapter,
			    "\"kvmmmu log\" decodes the messages; those alike are one line.");
}

km_error *km_report_host(struct km_report *run)
{
	const struct km_kernel *k = run->ctx->kernel;
	struct km_node *chapter = km_doc_chapter(run->ctx->root, "host", "Host");
	struct km_host_facts *facts = km_host_facts_read(k);

	if (!facts)
		return km_errorf(KM_ENOMEM, "out of memory");
	km_doc_field(chapter, "release", "release", km_v_text(k->release));
	report_facts(chapter, facts);
	report_params(chapter, &facts->params);
	report_log(run, chapter);
	free(facts);
	return NULL;
}
