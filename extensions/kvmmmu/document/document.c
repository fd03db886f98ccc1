// SPDX-License-Identifier: GPL-2.0-or-later
#include "document/document.h"

#include "document/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct km_document {
	struct km_arena arena;
	struct km_node *root;
	bool oom;
	char defect[160];   /* the first; "" if there is none */
	size_t limit, used; /* bytes; limit 0: none */
};

static void *arena_alloc(struct km_document *doc, size_t size)
{
	void *bytes;

	doc->used += (size + 15) & ~(size_t)15;
	if (doc->limit && doc->used > doc->limit)
		return NULL;
	bytes = km_arena_alloc(&doc->arena, size);
	if (!bytes)
		doc->oom = true;
	return bytes;
}

static void append(struct km_node *parent, struct km_node *node)
{
	if (parent->last)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
}

static struct km_node *new_node(struct km_document *doc, enum km_node_kind kind, const char *key,
				const char *title)
{
	struct km_node *node = arena_alloc(doc, sizeof(*node));

	if (!node)
		return NULL;
	node->kind = kind;
	node->key = key;
	node->title = title;
	node->people = node->machines = true;
	node->doc = doc;
	return node;
}

struct km_document *km_document_new(void)
{
	struct km_document *doc = calloc(1, sizeof(*doc));

	if (doc)
		doc->root = new_node(doc, KM_N_SECTION, NULL, NULL);
	return doc;
}

void km_document_free(struct km_document *doc)
{
	if (!doc)
		return;
	km_arena_deinit(&doc->arena);
	free(doc);
}

struct km_node *km_document_root(const struct km_document *doc)
{
	return doc->root;
}

void km_document_limit(struct km_document *doc, size_t bytes)
{
	doc->limit = bytes;
}

size_t km_document_full(const struct km_document *doc)
{
	return doc->used > doc->limit ? doc->limit : 0;
}

void km_document_visit(struct km_document *doc)
{
	km_arena_visit(&doc->arena);
}

bool km_document_oom(const struct km_document *doc)
{
	return doc->oom;
}

static bool finds(const struct km_node *node, enum km_certainty at_least)
{
	for (; node; node = node->next) {
		km_arena_visit(&node->doc->arena);
		if ((node->kind == KM_N_FINDING && node->certainty >= at_least) ||
		    finds(node->first, at_least))
			return true;
	}
	return false;
}

bool km_document_finds(const struct km_document *doc, enum km_certainty at_least)
{
	return finds(doc->root, at_least);
}

static const char *vtext(struct km_node *node, const char *fmt, va_list ap)
{
	va_list again;
	int len;
	char *text;

	if (!node)
		return "";
	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	text = len < 0 ? NULL : arena_alloc(node->doc, (size_t)len + 1);
	if (!text)
		return "";
	vsnprintf(text, (size_t)len + 1, fmt, ap);
	return text;
}

const char *km_doc_text(struct km_node *node, const char *fmt, ...)
{
	const char *text;
	va_list ap;

	va_start(ap, fmt);
	text = vtext(node, fmt, ap);
	va_end(ap);
	return text;
}

static struct km_node *add(struct km_node *parent, enum km_node_kind kind, const char *key,
			   const char *title)
{
	struct km_node *node = parent ? new_node(parent->doc, kind, key, title) : NULL;

	if (node)
		append(parent, node);
	return node;
}

struct km_node *km_doc_section(struct km_node *parent, const char *key, const char *title)
{
	struct km_node *node = add(parent, KM_N_SECTION, key, title);

	if (node)
		node->machines = key || parent->kind == KM_N_LIST;
	return node;
}

struct km_node *km_doc_compact(struct km_node *parent, const char *key, const char *title)
{
	struct km_node *node = km_doc_section(parent, key, title);

	if (node)
		node->compact = true;
	return node;
}

struct km_node *km_doc_list(struct km_node *parent, const char *key)
{
	return add(parent, KM_N_LIST, key, NULL);
}

void km_doc_field(struct km_node *parent, const char *key, const char *label, struct km_value value)
{
	struct km_node *node = add(parent, KM_N_FIELD, key, label);

	if (!node)
		return;
	node->people = label;
	node->machines = key;
	node->value = value;
}

struct km_node *km_doc_table(struct km_node *parent, const char *key, const char *title)
{
	struct km_node *node = add(parent, KM_N_TABLE, key, title);

	if (node)
		node->machines = key;
	return node;
}

static void __attribute__((format(printf, 2, 3)))
note_defect(struct km_document *doc, const char *fmt, ...)
{
	va_list ap;

	if (doc->defect[0])
		return;
	va_start(ap, fmt);
	vsnprintf(doc->defect, sizeof(doc->defect), fmt, ap);
	va_end(ap);
}

static const char *name_of(const struct km_node *node)
{
	return node->key ? node->key : "";
}

static struct km_node *add_column(struct km_node *table, const char *key, const char *header,
				  bool right)
{
	struct km_node *node;

	if (!table)
		return NULL;
	if (table->columns == KM_MAX_COLUMNS || (table->last && table->last->kind != KM_N_COLUMN)) {
		note_defect(table->doc, "table \"%s\": column \"%s\" comes too late",
			    name_of(table), key);
		return NULL;
	}
	node = add(table, KM_N_COLUMN, key, header);
	if (!node)
		return NULL;
	node->right = right;
	node->people = header;
	table->columns++;
	return node;
}

void km_doc_column(struct km_node *table, const char *key, const char *header, bool right)
{
	add_column(table, key, header, right);
}

void km_doc_people_column(struct km_node *table, const char *key, const char *header, bool right)
{
	struct km_node *node = add_column(table, key, header, right);

	if (node)
		node->machines = false;
}

struct km_node *km_doc_row_after(struct km_node *table, struct km_node *row)
{
	struct km_value *cells =
		table ? arena_alloc(table->doc, table->columns * sizeof(*cells)) : NULL;
	struct km_node *node = cells ? new_node(table->doc, KM_N_ROW, NULL, NULL) : NULL;

	if (!node)
		return NULL;
	node->row = (struct km_row){.cells = cells, .table = table};
	if (!row || row == table->last) {
		append(table, node);
	} else {
		node->next = row->next;
		row->next = node;
	}
	return node;
}

struct km_node *km_doc_row(struct km_node *table)
{
	return km_doc_row_after(table, NULL);
}

/* Cells mostly come in the order of their columns: the search begins behind the last one. */
static unsigned find_column(const struct km_row *row, const char *key)
{
	unsigned count = row->table->columns;
	unsigned begin = row->given ? 64 - (unsigned)__builtin_clzll(row->given) : 0;
	const struct km_node *column = row->table->first;

	for (unsigned i = 0; i < begin && column; i++)
		column = column->next;
	for (unsigned i = begin; i < count; i++, column = column->next) {
		if (!strcmp(column->key, key))
			return i;
	}
	column = row->table->first;
	for (unsigned i = 0; i < begin; i++, column = column->next) {
		if (!strcmp(column->key, key))
			return i;
	}
	return count;
}

void km_doc_cell(struct km_node *row, const char *key, struct km_value value)
{
	unsigned i;

	if (!row)
		return;
	i = find_column(&row->row, key);
	if (i == row->row.table->columns) {
		note_defect(row->doc, "table \"%s\": no column \"%s\"", name_of(row->row.table),
			    key);
		return;
	}
	if (row->row.given >> i & 1)
		note_defect(row->doc, "table \"%s\": cell \"%s\" is given twice",
			    name_of(row->row.table), key);
	row->row.given |= UINT64_C(1) << i;
	row->row.cells[i] = value;
}

static void add_text(struct km_node *node, const char *fmt, va_list ap)
{
	if (node)
		node->value = km_v_text(vtext(node, fmt, ap));
}

void km_doc_note(struct km_node *parent, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_text(add(parent, KM_N_NOTE, NULL, NULL), fmt, ap);
	va_end(ap);
}

void km_doc_point(struct km_node *parent, const char *key, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_text(add(parent, KM_N_NOTE, key, NULL), fmt, ap);
	va_end(ap);
}

struct km_node *km_doc_finding(struct km_node *parent, const char *id, enum km_certainty certainty,
			       const char *fmt, ...)
{
	struct km_node *node = add(parent, KM_N_FINDING, id, NULL);
	va_list ap;

	va_start(ap, fmt);
	add_text(node, fmt, ap);
	va_end(ap);
	if (node)
		node->certainty = certainty;
	return node;
}

/* ---- defects that show only when the document is complete ---- */

static void check_row(const struct km_node *row)
{
	const struct km_node *table = row->row.table, *column = table->first;

	for (unsigned i = 0; i < table->columns; i++, column = column->next) {
		if (!(row->row.given >> i & 1))
			note_defect(row->doc, "table \"%s\": a row lacks its cell \"%s\"",
				    name_of(table), column->key);
	}
}

static bool has_one_value(const struct km_node *node)
{
	return node->machines && node->key &&
	       (node->kind == KM_N_FIELD || node->kind == KM_N_SECTION);
}

/* Two members with the same name in a JSON object: a reader sees only one of them. */
static void check_keys(const struct km_node *parent)
{
	for (const struct km_node *n = parent->first; n; n = n->next) {
		if (!has_one_value(n))
			continue;
		for (const struct km_node *m = n->next; m; m = m->next) {
			if (has_one_value(m) && !strcmp(n->key, m->key))
				note_defect(parent->doc, "\"%s\" has \"%s\" twice", name_of(parent),
					    n->key);
		}
	}
}

static void check(const struct km_node *node)
{
	km_arena_visit(&node->doc->arena);
	if (node->kind == KM_N_ROW)
		check_row(node);
	if (node->kind == KM_N_SECTION || node->kind == KM_N_FINDING)
		check_keys(node);
	for (const struct km_node *n = node->first; n; n = n->next)
		check(n);
}

const char *km_document_defect(const struct km_document *doc)
{
	if (doc->root && !doc->oom)
		check(doc->root);
	return doc->defect[0] ? doc->defect : NULL;
}
