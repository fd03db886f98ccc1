// SPDX-License-Identifier: GPL-2.0-or-later
#include "render.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_COLUMNS 24
#define INDENT	    2

/* How people read a value; @buf serves for numbers. */
static const char *value_text(const struct km_value *value, char *buf, size_t size)
{
	if (value->text)
		return value->text;
	switch (value->kind) {
	case KM_V_DEC:
		snprintf(buf, size, "%" PRIu64, value->number);
		return buf;
	case KM_V_SIGNED:
		snprintf(buf, size, "%" PRId64, (int64_t)value->number);
		return buf;
	case KM_V_HEX:
		snprintf(buf, size, "0x%" PRIx64, value->number);
		return buf;
	case KM_V_BOOL:
		return value->number ? "yes" : "no";
	default:
		return "-";
	}
}

/*
 * Names of processes and modules come from the target: what would steer a terminal is shown as '?'.
 */
static void put_text(const char *text, size_t len, FILE *out)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		fputc(c < 0x20 || c == 0x7f ? '?' : c, out);
	}
}

/* Columns that UTF-8 text takes, near enough: bytes that do not continue a character. */
static size_t text_width(const char *text, size_t len)
{
	size_t width = 0;

	for (size_t i = 0; i < len; i++)
		width += (text[i] & 0xc0) != 0x80;
	return width;
}

/* A paragraph being filled word by word. */
struct paragraph {
	FILE *out;
	size_t indent, hang, column;
};

static void put_word(struct paragraph *p, const char *word, size_t len, size_t space)
{
	size_t width = text_width(word, len);

	if (p->column && p->column + space + width > KM_TEXT_WIDTH) {
		fprintf(p->out, "\n%*s", (int)(p->indent + p->hang), "");
		p->column = p->indent + p->hang;
	} else if (p->column) {
		fprintf(p->out, "%*s", (int)space, "");
		p->column += space;
	} else {
		fprintf(p->out, "%*s", (int)p->indent, "");
		p->column = p->indent;
	}
	put_text(word, len, p->out);
	p->column += width;
}

static void put_words(struct paragraph *p, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, " ");

		if (len)
			put_word(p, text, len, 1);
		text += len + (text[len] == ' ');
	}
}

static void end_paragraph(struct paragraph *p)
{
	if (p->column)
		fputc('\n', p->out);
	p->column = 0;
}

static void render_table(const struct km_node *table, size_t indent, FILE *out)
{
	size_t widths[MAX_COLUMNS] = {0}, count = 0;
	const struct km_node *column;
	char buf[64];
	bool header = false;

	for (column = table->first; column && column->kind == KM_N_COLUMN; column = column->next) {
		if (count < MAX_COLUMNS && column->title)
			widths[count] = strlen(column->title);
		header |= column->title && *column->title;
		count++;
	}
	if (count > MAX_COLUMNS)
		count = MAX_COLUMNS;
	for (const struct km_node *row = column; row; row = row->next) {
		size_t i = 0;

		for (const struct km_node *cell = row->first; cell && i < count;
		     cell = cell->next, i++) {
			const char *text = value_text(&cell->value, buf, sizeof(buf));
			size_t width = text_width(text, strlen(text));

			if (width > widths[i])
				widths[i] = width;
		}
	}
	if (table->title)
		fprintf(out, "%*s%s\n", (int)indent, "", table->title);
	for (const struct km_node *row = header ? table : column; row;
	     row = row == table ? column : row->next) {
		const struct km_node *col = table->first;
		const struct km_node *cell = row == table ? table->first : row->first;
		size_t pending = indent + INDENT;

		for (size_t i = 0; cell && i < count; i++, cell = cell->next, col = col->next) {
			const char *text = row == table
						   ? (col->title ? col->title : "")
						   : value_text(&cell->value, buf, sizeof(buf));
			size_t len = strlen(text), width = text_width(text, len);
			size_t pad = widths[i] > width ? widths[i] - width : 0;

			if (!col->title) /* for machines only */
				continue;
			if (col->right)
				pending += pad;
			if (len) {
				fprintf(out, "%*s", (int)pending, "");
				put_text(text, len, out);
				pending = 0;
			}
			if (!col->right)
				pending += pad;
			pending += 2;
		}
		fputc('\n', out);
	}
}

static void render_children(const struct km_node *parent, size_t indent, FILE *out);

/* Width of the labels of a section's fields, so that the values stand in one column. */
static size_t label_width(const struct km_node *section)
{
	size_t width = 0;

	for (const struct km_node *n = section->first; n; n = n->next) {
		if (n->kind == KM_N_FIELD && n->title && strlen(n->title) > width)
			width = strlen(n->title);
	}
	return width;
}

static void render_compact(const struct km_node *section, size_t indent, FILE *out)
{
	struct paragraph p = {.out = out, .indent = indent, .hang = INDENT};
	char buf[64];

	if (section->title)
		put_words(&p, section->title);
	for (const struct km_node *n = section->first; n; n = n->next) {
		if (n->kind == KM_N_FIELD && n->title) {
			const char *text = value_text(&n->value, buf, sizeof(buf));
			char word[256];
			int len = snprintf(word, sizeof(word), "%s%s%s", n->title,
					   *n->title ? " " : "", text);

			if (len > 0 && (size_t)len < sizeof(word))
				put_word(&p, word, (size_t)len, 2);
			else
				put_words(&p, text);
		}
	}
	end_paragraph(&p);
	for (const struct km_node *n = section->first; n; n = n->next) {
		struct km_node rest = {.first = (struct km_node *)n};

		if (n->kind != KM_N_FIELD) {
			/* what is no field follows in its own lines */
			render_children(&rest, indent + INDENT, out);
			break;
		}
	}
}

static void render_field(const struct km_node *n, size_t width, size_t indent, FILE *out)
{
	struct paragraph p = {.out = out, .indent = indent, .hang = width + 2};
	char buf[64], label[80];
	int len = snprintf(label, sizeof(label), "%s:", n->title);

	if (len < 0 || (size_t)len >= sizeof(label))
		return;
	put_word(&p, label, (size_t)len, 0);
	fprintf(out, "%*s", (int)(width + 1 - (size_t)len), "");
	p.column += width + 1 - (size_t)len;
	put_words(&p, value_text(&n->value, buf, sizeof(buf)));
	end_paragraph(&p);
}

static void render_note(const struct km_node *n, size_t indent, FILE *out)
{
	struct paragraph p = {.out = out, .indent = indent, .hang = INDENT};
	char head[128];

	if (n->kind == KM_N_FINDING) {
		snprintf(head, sizeof(head), "! %s (%s):", n->key, n->certainty);
		put_words(&p, head);
	}
	put_words(&p, n->value.text);
	end_paragraph(&p);
}

static void render_children(const struct km_node *parent, size_t indent, FILE *out)
{
	size_t width = label_width(parent);

	for (const struct km_node *n = parent->first; n; n = n->next) {
		if (n->machine_only)
			continue;
		switch (n->kind) {
		case KM_N_SECTION:
			if (n->compact) {
				render_compact(n, indent, out);
				break;
			}
			if (n->title) {
				fprintf(out, "%*s", (int)indent, "");
				put_text(n->title, strlen(n->title), out);
				fputc('\n', out);
			}
			render_children(n, n->title ? indent + INDENT : indent, out);
			break;
		case KM_N_LIST:
			render_children(n, indent, out);
			break;
		case KM_N_TABLE:
			render_table(n, indent, out);
			break;
		case KM_N_FIELD:
			if (n->title)
				render_field(n, width, indent, out);
			break;
		case KM_N_NOTE:
		case KM_N_FINDING:
			render_note(n, indent, out);
			break;
		default:
			break;
		}
	}
}

void km_render_text(const struct km_document *doc, FILE *out)
{
	render_children(km_document_root((struct km_document *)doc), 0, out);
	if (km_document_oom(doc))
		fprintf(out, "memory ran out: the answer above is not complete\n");
}
