// SPDX-License-Identifier: GPL-2.0-or-later
/* The tables of a report that are drawn where there are pictures: walk, permissions, guest memory.
 */
#include "commands/report.h"

#include "diagnose/damage.h"
#include "walk/walk_range.h"

#include <inttypes.h>
#include <string.h>

#define MAP_ROWS  48
#define MAP_PAGES 2048 /* page-table pages to read for a map */

const char *km_report_size(struct km_node *node, uint64_t bytes)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
	uint64_t rest = 0;
	unsigned unit = 0;

	while (bytes >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		rest = bytes % 1024;
		bytes /= 1024;
		unit++;
	}
	if (!rest)
		return km_doc_text(node, "%" PRIu64 " %s", bytes, units[unit]);
	return km_doc_text(node, "%" PRIu64 ".%" PRIu64 " %s", bytes, rest * 10 / 1024,
			   units[unit]);
}

/* ---- the walk ---- */

static void add_level(struct km_node *table, const struct km_case *c, const struct km_walk_level *l)
{
	struct km_node *row = km_doc_row(table);
	bool last = l == km_walk_last(&c->walk),
	     odd = l->oddity || (last && c->walk.end != KM_END_LEAF);
	const char *text =
		l->special ? "entry of pae_root" : km_spte_attributes(table, &c->masks, &l->spte);

	km_doc_cell(row, "level",
		    km_v_as(km_v_dec((uint64_t)l->level), km_doc_text(table, "L%d", l->level)));
	km_doc_cell(row, "entry",
		    km_v_text(km_doc_text(table, "0x%" PRIx64 "[%u]", l->table_pa, l->index)));
	km_doc_cell(row, "spte",
		    km_v_tone(km_v_hex(l->spte.value), odd ? KM_TONE_ALARM : KM_TONE_PLAIN));
	km_doc_cell(row, "text",
		    km_v_text(l->oddity ? km_doc_text(table, "%s; %s", text, l->oddity) : text));
}

void km_report_walk(struct km_node *chapter, const struct km_case *c)
{
	struct km_node *section, *table;
	char end[256];

	if (!c->has_walk)
		return;
	section = km_doc_chapter(chapter, "walk",
				 km_doc_text(chapter, "Walk of %s 0x%" PRIx64 " in %s",
					     km_walk_address_text(c->walk.meaning), c->walk.addr,
					     c->mmu->name));
	table = km_doc_table(section, "levels", NULL);
	km_doc_look(table, KM_LOOK_WALK);
	km_doc_column(table, "level", "", false);
	km_doc_column(table, "entry", "TABLE[INDEX]", false);
	km_doc_column(table, "spte", "SPTE", false);
	km_doc_column(table, "text", "MEANING", false);
	for (size_t i = 0; i < c->walk.count; i++)
		add_level(table, c, &c->walk.levels[i]);
	km_doc_field(section, "end", "",
		     km_v_text(km_doc_text(section, "%s",
					   km_walk_end_text(&c->walk, end, sizeof(end)))));
}

/* ---- a permission table ---- */

/* The cell that the fault of @c is looked up in. Return false if there is none in @t. */
static bool find_cell(const struct km_case *c, const struct km_perm_table *t, struct km_spf *cell)
{
	const struct km_walk_level *leaf = km_case_leaf(c);

	if (!leaf || !c->has_error_code || t != km_spte_table(&c->all, c->mmu))
		return false;
	*cell = km_spte_permission_fault(&c->masks, t->words, leaf->spte.value, c->error_code,
					 c->form);
	return !cell->out_of_range && !cell->not_present;
}

/* A damaged table, or else the one in which the fault was looked up; NULL: neither. */
static const struct km_perm_table *table_to_show(const struct km_case *c, struct km_spf *cell,
						 bool *has_cell)
{
	const struct km_perm_table *asked = c->mmu ? km_spte_table(&c->all, c->mmu) : NULL;
	const struct km_damage damage = km_damage_read(c);
	const struct km_perm_table *t = damage.table ? damage.table : asked;

	*has_cell = t && find_cell(c, t, cell);
	return damage.table || *has_cell ? t : NULL;
}

static void add_word(struct km_node *table, const struct km_perm_table *t, unsigned i,
		     const struct km_spf *fault)
{
	struct km_node *row = km_doc_row(table);
	bool same = t->words[i] == t->expected[i], here = fault && fault->index == i;
	char mark[24] = "";

	if (here)
		snprintf(mark, sizeof(mark), "<- this fault: %x", fault->acc);
	km_doc_cell(row, "index", km_v_dec(i));
	km_doc_cell(row, "access", km_v_text(km_perm_access_text(table, i)));
	km_doc_cell(
		row, "word",
		km_v_tone(km_v_as(km_v_hex(t->words[i]), km_doc_text(table, "%04x", t->words[i])),
			  same ? KM_TONE_PLAIN : KM_TONE_ALARM));
	km_doc_cell(row, "expected",
		    km_v_as(km_v_hex(t->expected[i]), km_doc_text(table, "%04x", t->expected[i])));
	km_doc_cell(row, "matrix", km_v_text(km_perm_matrix_text(table, t, i)));
	km_doc_cell(row, "fault", here ? km_v_dec(fault->acc) : km_v_none(""));
	km_doc_cell(row, "mark", km_v_text(km_doc_text(table, "%s", mark)));
}

void km_report_matrix(struct km_node *chapter, const struct km_case *c)
{
	struct km_node *section, *table;
	struct km_spf cell;
	bool has_cell;
	const struct km_perm_table *t = table_to_show(c, &cell, &has_cell);

	if (!t)
		return;
	section = km_doc_chapter(
		chapter, "matrix",
		km_doc_text(chapter, "%s.permissions, compared with its role", t->context));
	table = km_doc_table(section, "words", NULL);
	km_doc_look(table, KM_LOOK_MATRIX);
	km_doc_column(table, "index", "I", true);
	km_doc_column(table, "access", "ACCESS", false);
	km_doc_column(table, "word", "TABLE", false);
	km_doc_column(table, "expected", "ROLE", false);
	km_doc_column(table, "matrix",
		      c->kernel->features.acc == KM_ACC_RWUX ? "0123456789abcdef" : "01234567",
		      false);
	km_doc_column(table, "fault", NULL, false);
	km_doc_people_column(table, "mark", "", false);
	for (unsigned i = 0; i < KM_PERM_WORDS; i++)
		add_word(table, t, i, has_cell ? &cell : NULL);
	km_doc_note(
		section,
		"Each column is a value of ACC, the rights of the entry (%s): '.' means allowed, "
		"'#' denied; where the role implies the opposite, 'A' means allowed, 'D' denied.",
		km_perm_acc_bits_text(c->kernel));
}

/* ---- guest memory ---- */

struct map {
	const struct km_case *c;
	struct km_node *table;
	const struct km_memslot *slot;
	/* the row that grows */
	uint64_t start, bytes;
	const char *class, *text;
	bool left_out;
	unsigned rows;
};

static const char *class_of(const struct km_run *run)
{
	if (run->end == KM_END_UNREADABLE || run->end == KM_END_TORN)
		return "unknown";
	if (!run->entries)
		return "unmapped";
	switch (run->spte.kind) {
	case KM_SPTE_FROZEN:
		return "frozen";
	case KM_SPTE_MMIO:
		return "mmio";
	case KM_SPTE_PRESENT:
		if (run->spte.w)
			return "mapped";
		return run->spte.mmu_writable ? "write-protected" : "read-only";
	case KM_SPTE_EMPTY:
	case KM_SPTE_NOT_PRESENT:
		break;
	}
	return "unmapped";
}

static void end_row(struct map *m)
{
	uint64_t fault = m->c->gfn << KM_PAGE_SHIFT;
	bool here = m->c->gfn_known && fault >= m->start && fault - m->start < m->bytes;
	struct km_node *row;

	if (!m->bytes)
		return;
	if (m->rows == MAP_ROWS) {
		m->left_out = true;
		return;
	}
	m->rows++;
	row = km_doc_row(m->table);
	km_doc_cell(row, "number", km_v_dec(m->rows));
	km_doc_cell(row, "slot", km_v_signed(m->slot->id));
	km_doc_cell(row, "start", km_v_hex(m->start));
	km_doc_cell(row, "bytes", km_v_as(km_v_dec(m->bytes), km_report_size(m->table, m->bytes)));
	km_doc_cell(row, "class",
		    km_v_tone(km_v_text(m->class), here ? KM_TONE_ALARM : KM_TONE_PLAIN));
	km_doc_cell(row, "dirty_logged", km_v_bool(m->slot->flags & KVM_MEM_LOG_DIRTY_PAGES));
	km_doc_cell(row, "fault", km_v_bool(here));
	km_doc_cell(row, "text",
		    km_v_text(here ? km_doc_text(m->table, "%s%sthis fault", m->text,
						 *m->text ? "; " : "")
				   : m->text));
}

/* Runs of the same state make one row; its text is that of the first. */
static void take_run(void *arg, const struct km_run *run)
{
	struct map *m = arg;
	const char *class = class_of(run);

	if (m->bytes && m->class == class && m->start + m->bytes == run->addr) {
		m->bytes += run->bytes;
		return;
	}
	end_row(m);
	m->start = run->addr;
	m->bytes = run->bytes;
	m->class = class;
	m->text = "";
	if (run->entries && run->spte.kind == KM_SPTE_PRESENT && m->rows < MAP_ROWS)
		m->text = km_spte_attributes(m->table, &m->c->masks, &run->spte);
}

static struct km_node *add_map(struct km_node *section)
{
	struct km_node *table = km_doc_table(section, "ranges", NULL);

	km_doc_look(table, KM_LOOK_MAP);
	km_doc_column(table, "number", "", true);
	km_doc_column(table, "slot", NULL, true);
	km_doc_column(table, "start", "GPA", false);
	km_doc_column(table, "bytes", "SIZE", true);
	km_doc_column(table, "class", "STATE", false);
	km_doc_column(table, "dirty_logged", "LOG", false);
	km_doc_column(table, "fault", NULL, false);
	km_doc_column(table, "text", "FIRST SPTE", false);
	return table;
}

/* For direct MMUs only: shadow page tables map addresses of the guest's choice. */
km_error *km_report_map(struct km_node *chapter, const struct km_case *c)
{
	struct map m = {.c = c};
	struct km_node *section;
	uint64_t left = MAP_PAGES;
	km_error *err = NULL;

	if (!c->mmu || !c->slots_known || !c->slots.count || c->mmu->paging == KM_PAGING_SHADOW ||
	    km_mmu_address_meaning(c->mmu) != KM_ADDR_GPA || !c->kernel->features.spte_known)
		return NULL;
	section = km_doc_chapter(chapter, "map", "Guest memory by the state of its SPTEs");
	m.table = add_map(section);
	for (size_t i = 0; i < c->slots.count && !err && left && m.rows < MAP_ROWS; i++) {
		const struct km_memslot *slot = m.slot = &c->slots.slots[i];
		uint64_t first = slot->base_gfn << KM_PAGE_SHIFT;
		struct km_walk_range range;

		m.bytes = 0;
		if (!slot->npages)
			continue;
		err = km_walk_range(c->kernel, &c->masks, c->mmu, first,
				    first + (slot->npages << KM_PAGE_SHIFT) - 1, left, take_run, &m,
				    &range);
		end_row(&m);
		if (!err)
			left -= range.pages < left ? range.pages : left;
	}
	if (m.left_out || m.rows == MAP_ROWS || !left)
		km_doc_note(section, "The rest is left out: see \"kvmmmu walk -n all\".");
	return err;
}
