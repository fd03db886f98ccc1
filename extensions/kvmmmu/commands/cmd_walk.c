// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu walk: the shadow page-table entries down to one address, or those of a range. */
#include "commands/command_context.h"

#include "commands/walk_gva.h"
#include "walk/walk_range.h"

#include <inttypes.h>
#include <string.h>

#define DEFAULT_LIMIT (1u << 18) /* page-table pages: they map half a terabyte by 4 KiB pages */
#define MAX_ROWS      200
#define MAX_KINDS     40

/* All runs of one kind. */
struct kind {
	struct km_run first;
	const char *text;
	uint64_t entries, bytes;
};

struct summary {
	struct km_command_context *ctx;
	const struct km_spte_masks *masks;
	struct km_node *rows;
	uint64_t runs;
	struct kind kinds[MAX_KINDS];
	size_t kind_count;
	uint64_t other_runs; /* of more kinds */
};

static const char *end_text(const struct km_run *run)
{
	switch (run->end) {
	case KM_END_UNREADABLE:
		return run->uncovered ? "unknown: not in this capsule" : "unknown: not in the dump";
	case KM_END_NO_ROOT:
		return "no root";
	case KM_END_DUMMY_ROOT:
		return "the dummy root: the guest's CR3 is not backed by memory";
	case KM_END_TOO_WIDE:
		return "beyond what the root can map";
	case KM_END_TORN:
		return "malformed: a page-table page is its own ancestor";
	case KM_END_LEAF:
	case KM_END_NOT_PRESENT:
		break;
	}
	return "the PAE root entry is not present";
}

/* What the entries of a run have in common: all but the page frame. */
static const char *run_text(struct summary *s, const struct km_run *run)
{
	struct km_spte spte = run->spte;

	if (!run->entries)
		return end_text(run);
	if (spte.kind == KM_SPTE_MMIO)
		return km_doc_text(s->ctx->root, "MMIO generation %" PRIu64, spte.mmio_generation);
	return km_spte_attributes(s->ctx->root, s->masks, &spte);
}

static const char *size_text(struct km_node *node, uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	size_t unit = 0;

	while (bytes && !(bytes & 1023) && unit < 5) {
		bytes >>= 10;
		unit++;
	}
	return km_doc_text(node, "%" PRIu64 " %s", bytes, units[unit]);
}

static void add_row(struct summary *s, const struct km_run *run, const char *text)
{
	struct km_node *row = km_doc_row(s->rows);
	bool leaf = run->end == KM_END_LEAF;

	km_doc_cell(row, "address", km_v_hex(run->addr));
	km_doc_cell(row, "bytes", km_v_hex(run->bytes));
	km_doc_cell(row, "size", km_v_text(size_text(row, run->bytes)));
	km_doc_cell(row, "entries", km_v_dec(run->entries));
	km_doc_cell(row, "level",
		    run->entries && run->spte.kind != KM_SPTE_EMPTY
			    ? km_v_dec((uint64_t)run->spte.level)
			    : km_v_none("-"));
	km_doc_cell(row, "first", run->entries ? km_v_hex(run->spte.value) : km_v_none("-"));
	km_doc_cell(row, "first_pfn", leaf ? km_v_hex(run->spte.pfn) : km_v_none("-"));
	km_doc_cell(row, "says", km_v_text(text));
}

/* Return the kind of @run, a new one if need be; NULL if there are too many. */
static struct kind *kind_of(struct summary *s, const struct km_run *run)
{
	struct kind *kind = s->kinds;

	while (kind < s->kinds + s->kind_count && !km_run_alike(s->masks, &kind->first, run))
		kind++;
	if (kind == s->kinds + MAX_KINDS)
		return NULL;
	if (kind == s->kinds + s->kind_count) {
		*kind = (struct kind){.first = *run, .text = run_text(s, run)};
		s->kind_count++;
	}
	return kind;
}

/* Keep a bounded number of runs and kinds, however many there are. */
static void take_run(void *arg, const struct km_run *run)
{
	struct summary *s = arg;
	struct kind *kind = kind_of(s, run);

	if (s->runs++ < MAX_ROWS)
		add_row(s, run, kind ? kind->text : run_text(s, run));
	if (!kind) {
		s->other_runs++;
		return;
	}
	kind->entries += run->entries;
	kind->bytes += run->bytes;
}

static struct km_node *add_rows(struct km_node *section)
{
	struct km_node *rows = km_doc_table(section, "runs", NULL);

	km_doc_column(rows, "address", "ADDRESS", false);
	km_doc_column(rows, "bytes", NULL, false);
	km_doc_people_column(rows, "size", "SIZE", true);
	km_doc_column(rows, "entries", "ENTRIES", true);
	km_doc_column(rows, "level", NULL, false);
	km_doc_column(rows, "first", NULL, false);
	km_doc_column(rows, "first_pfn", "FIRST PFN", true);
	km_doc_column(rows, "says", "CONTENTS", false);
	return rows;
}

static void describe_kinds(struct km_node *section, const struct summary *s)
{
	struct km_node *table = km_doc_table(section, "kinds", NULL);

	km_doc_people_column(table, "size", "TOTAL", true);
	km_doc_column(table, "bytes", NULL, false);
	km_doc_column(table, "entries", "ENTRIES", true);
	km_doc_column(table, "says", "CONTENTS", false);
	for (size_t i = 0; i < s->kind_count; i++) {
		struct km_node *row = km_doc_row(table);

		km_doc_cell(row, "size", km_v_text(size_text(row, s->kinds[i].bytes)));
		km_doc_cell(row, "bytes", km_v_hex(s->kinds[i].bytes));
		km_doc_cell(row, "entries", km_v_dec(s->kinds[i].entries));
		km_doc_cell(row, "says", km_v_text(s->kinds[i].text));
	}
}

static void describe_ends(struct km_node *section, const struct summary *s,
			  const struct km_walk_range *range, uint64_t last)
{
	if (s->runs > MAX_ROWS)
		km_doc_note(section, "%" PRIu64 " more runs are not listed", s->runs - MAX_ROWS);
	if (s->other_runs)
		km_doc_note(section, "%" PRIu64 " runs of other types are not in the totals",
			    s->other_runs);
	if (range->limit_hit && range->next == range->addr)
		km_doc_note(section,
			    "stopped after %" PRIu64
			    " page-table page%s (--limit), before the first entry: use a higher "
			    "limit",
			    range->pages, range->pages == 1 ? "" : "s");
	else if (range->limit_hit)
		km_doc_note(section,
			    "stopped after %" PRIu64
			    " page-table page%s (--limit): continue at 0x%" PRIx64,
			    range->pages, range->pages == 1 ? "" : "s", range->next);
	else if (range->last < last)
		km_doc_note(section, "the root cannot map addresses beyond this");
}

static void describe_range(struct km_node *section, const struct km_subject *subject,
			   const struct km_walk_range *range, uint64_t runs)
{
	const char *meaning = km_walk_address_text(range->meaning);

	km_doc_field(section, "mmu", NULL, km_v_text(subject->mmu->name));
	km_doc_field(section, "address", NULL, km_v_hex(range->addr));
	km_doc_field(section, "last", NULL, km_v_hex(range->last));
	km_doc_field(section, "address_is", NULL, km_v_text(meaning));
	km_doc_field(section, "root_hpa", NULL, km_v_val(subject->mmu->root.hpa, KM_V_HEX));
	km_doc_field(section, "root_level", NULL, km_v_dec((uint64_t)range->root_level));
	km_doc_field(section, "run_count", NULL, km_v_dec(runs));
	km_doc_field(section, "table_pages", "page-table pages read", km_v_dec(range->pages));
	km_doc_field(section, "next", NULL,
		     range->limit_hit ? km_v_hex(range->next) : km_v_none("-"));
}

/* The address of the last of @bytes bytes from @addr; "all" is as much as any table can map. */
static uint64_t last_of_range(uint64_t addr, uint64_t bytes)
{
	uint64_t last = addr + (bytes - 1);

	return bytes == KM_MAX_BYTES || last < addr ? addr | (KM_MAX_BYTES - 1) : last;
}

static km_error *walk_range(struct km_command_context *ctx, const struct km_subject *subject,
			    uint64_t addr)
{
	uint64_t bytes = ctx->options.bytes, last = last_of_range(addr, bytes);
	uint64_t limit = ctx->options.limit ? ctx->options.limit : DEFAULT_LIMIT;
	struct summary s = {.ctx = ctx, .masks = &subject->masks};
	struct km_walk_range range;
	struct km_node *section = km_doc_section(ctx->root, "range", "");
	km_error *err;

	s.rows = add_rows(section);
	err = km_walk_range(ctx->kernel, &subject->masks, subject->mmu, addr, last, limit, take_run,
			    &s, &range);
	if (err)
		return err;
	km_doc_set_title(section,
			 km_doc_text(section,
				     "%s 0x%" PRIx64 " to 0x%" PRIx64 " in %s, root level %d",
				     km_walk_address_text(range.meaning), addr, range.last,
				     subject->mmu->name, range.root_level));
	describe_kinds(section, &s);
	describe_range(section, subject, &range, s.runs);
	describe_ends(section, &s, &range, bytes == KM_MAX_BYTES ? range.last : last);
	return NULL;
}

/* Without root or role, it is not known what the context maps. */
static bool is_mapping_known(const struct km_mmu *mmu)
{
	return mmu->readable && km_is_known(mmu->root.hpa);
}

km_error *km_command_walk(struct km_command_context *ctx)
{
	struct km_subject s;
	struct km_walk walk;
	uint64_t addr;
	km_error *err = km_parse_hex(ctx->argv[1], "address", &addr);

	if (!err && ctx->options.has_cr3 && !ctx->options.gva)
		return km_errorf(KM_EUSAGE, "--cr3 needs --gva");
	if (!err && ctx->options.gva && (ctx->options.mmu || ctx->options.bytes))
		return km_errorf(KM_EUSAGE, "--gva cannot be combined with -m or -n");
	if (!err)
		err = km_context_subject(ctx, ctx->argv[0], &s);
	if (err)
		return err;
	km_describe_vcpu(ctx->root, "vcpu", s.vm, s.vcpu);
	if (ctx->options.gva)
		return km_walk_gva(ctx, &s, addr);
	if (ctx->options.bytes)
		return walk_range(ctx, &s, addr);
	err = km_walk(ctx->kernel, &s.masks, s.mmu, addr, &walk);
	ctx->failed = !err && (walk.end == KM_END_UNREADABLE || !is_mapping_known(s.mmu));
	if (!err)
		km_describe_walk(ctx->root, ctx->kernel, s.mmu, &walk, false);
	return err;
}
