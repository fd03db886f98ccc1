// SPDX-License-Identifier: GPL-2.0-or-later
#include "document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK 65536u

struct block {
	struct block *next;
	size_t used, size;
	char bytes[];
};

struct km_document {
	struct block *blocks;
	struct km_node *root;
	bool oom;
};

static void *arena_alloc(struct km_document *doc, size_t size)
{
	struct block *block = doc->blocks;
	void *bytes;

	size = (size + 15) & ~(size_t)15;
	if (!block || block->size - block->used < size) {
		size_t room = size > ARENA_BLOCK ? size : ARENA_BLOCK;

		block = malloc(sizeof(*block) + room);
		if (!block) {
			doc->oom = true;
			return NULL;
		}
		block->next = doc->blocks;
		block->used = 0;
		block->size = room;
		doc->blocks = block;
	}
	bytes = block->bytes + block->used;
	block->used += size;
	return memset(bytes, 0, size);
}

static struct km_node *new_node(struct km_document *doc, struct km_node *parent,
				enum km_node_kind kind)
{
	struct km_node *node = arena_alloc(doc, sizeof(*node));

	if (!node)
		return NULL;
	node->kind = kind;
	node->doc = doc;
	if (parent) {
		if (parent->last)
			parent->last->next = node;
		else
			parent->first = node;
		parent->last = node;
	}
	return node;
}

struct km_document *km_document_new(void)
{
	struct km_document *doc = calloc(1, sizeof(*doc));

	if (doc)
		doc->root = new_node(doc, NULL, KM_N_SECTION);
	return doc;
}

void km_document_free(struct km_document *doc)
{
	if (!doc)
		return;
	while (doc->blocks) {
		struct block *next = doc->blocks->next;

		free(doc->blocks);
		doc->blocks = next;
	}
	free(doc);
}

struct km_node *km_document_root(struct km_document *doc)
{
	return doc->root;
}

bool km_document_oom(const struct km_document *doc)
{
	return doc->oom;
}

static bool finds(const struct km_node *node, enum km_certainty at_least)
{
	for (; node; node = node->next) {
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

const char *km_text(struct km_node *node, const char *fmt, ...)
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
	struct km_node *node = parent ? new_node(parent->doc, parent, kind) : NULL;

	if (node) {
		node->key = key;
		node->title = title;
	}
	return node;
}

struct km_node *km_section(struct km_node *parent, const char *key, const char *title)
{
	return add(parent, KM_N_SECTION, key, title);
}

struct km_node *km_compact(struct km_node *parent, const char *key, const char *title)
{
	struct km_node *node = km_section(parent, key, title);

	if (node)
		node->compact = true;
	return node;
}

struct km_node *km_list(struct km_node *parent, const char *key)
{
	return add(parent, KM_N_LIST, key, NULL);
}

void km_field(struct km_node *parent, const char *key, const char *label, struct km_value value)
{
	struct km_node *node = add(parent, KM_N_FIELD, key, label);

	if (node)
		node->value = value;
}

struct km_node *km_table(struct km_node *parent, const char *key, const char *title)
{
	return add(parent, KM_N_TABLE, key, title);
}

void km_column(struct km_node *table, const char *key, const char *header, bool right)
{
	struct km_node *node = add(table, KM_N_COLUMN, key, header);

	if (node)
		node->right = right;
}

struct km_node *km_row(struct km_node *table)
{
	return add(table, KM_N_ROW, NULL, NULL);
}

void km_cell(struct km_node *row, struct km_value value)
{
	struct km_node *node = add(row, KM_N_CELL, NULL, NULL);

	if (node)
		node->value = value;
}

void km_note(struct km_node *parent, const char *fmt, ...)
{
	struct km_node *node = add(parent, KM_N_NOTE, NULL, NULL);
	va_list ap;

	va_start(ap, fmt);
	if (node)
		node->value = km_v_text(vtext(node, fmt, ap));
	va_end(ap);
}

void km_point(struct km_node *parent, const char *key, const char *fmt, ...)
{
	struct km_node *node = add(parent, KM_N_NOTE, key, NULL);
	va_list ap;

	va_start(ap, fmt);
	if (node)
		node->value = km_v_text(vtext(node, fmt, ap));
	va_end(ap);
}

struct km_node *km_finding(struct km_node *parent, const char *id, enum km_certainty certainty,
			   const char *fmt, ...)
{
	struct km_node *node = add(parent, KM_N_FINDING, id, NULL);
	va_list ap;

	va_start(ap, fmt);
	if (node) {
		node->certainty = certainty;
		node->value = km_v_text(vtext(node, fmt, ap));
	}
	va_end(ap);
	return node;
}

struct km_value km_v_val(struct km_val val, enum km_value_kind kind)
{
	switch (val.known) {
	case KM_KNOWN:
		return (struct km_value){.kind = kind, .number = val.v};
	case KM_UNREADABLE:
		return km_v_none("?");
	default:
		return km_v_none("-");
	}
}
