// SPDX-License-Identifier: GPL-2.0-or-later
#include "render.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MIN_PROSE 24 /* columns; what is narrower is not worth breaking */

#define MAX_COLUMNS 40
#define INDENT	    2

/* Where text goes. */
struct sink {
	FILE *file;
	bool color;
};

static void begin_tone(const struct sink *out, enum km_tone tone)
{
	static const char *const sgr[] = {
		[KM_TONE_GOOD] = "\033[32m",
		[KM_TONE_WARN] = "\033[33m",
		[KM_TONE_ALARM] = "\033[1;31m",
	};

	if (out->color && tone != KM_TONE_PLAIN)
		fputs(sgr[tone], out->file);
}

static void end_tone(const struct sink *out, enum km_tone tone)
{
	if (out->color && tone != KM_TONE_PLAIN)
		fputs("\033[0m", out->file);
}

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
static void put_text(const char *text, size_t len, const struct sink *out)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		fputc(c < 0x20 || c == 0x7f ? '?' : c, out->file);
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
	const struct sink *out;
	size_t indent, hang, column;
};

static void put_word(struct paragraph *p, const char *word, size_t len, size_t space)
{
	size_t width = text_width(word, len);

	if (p->column && p->column + space + width > KM_TEXT_WIDTH) {
		fprintf(p->out->file, "\n%*s", (int)(p->indent + p->hang), "");
		p->column = p->indent + p->hang;
	} else if (p->column) {
		fprintf(p->out->file, "%*s", (int)space, "");
		p->column += space;
	} else {
		fprintf(p->out->file, "%*s", (int)p->indent, "");
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

/* Words that go on where the cursor is, without a space before the first. */
static void put_prose(struct paragraph *p, const char *text)
{
	size_t len = strcspn(text, " ");

	put_text(text, len, p->out);
	p->column += text_width(text, len);
	put_words(p, text + len);
}

static void end_paragraph(struct paragraph *p)
{
	if (p->column)
		fputc('\n', p->out->file);
	p->column = 0;
}

struct columns {
	size_t count;
	size_t widths[MAX_COLUMNS];
	bool header; /* has any column a name? */
	const struct km_node *first_row;
};

static struct columns measure(const struct km_node *table)
{
	struct columns c = {0};
	const struct km_node *n = table->first;
	char buf[64];

	for (; n && n->kind == KM_N_COLUMN && c.count < MAX_COLUMNS; n = n->next) {
		c.widths[c.count++] = n->title ? strlen(n->title) : 0;
		c.header |= n->title && *n->title;
	}
	c.first_row = n;
	for (; n; n = n->next) {
		size_t i = 0;

		for (const struct km_node *cell = n->first; cell && i < c.count;
		     cell = cell->next, i++) {
			const char *text = value_text(&cell->value, buf, sizeof(buf));
			size_t width = text_width(text, strlen(text));

			if (width > c.widths[i])
				c.widths[i] = width;
		}
	}
	return c;
}

/* A row, or the header if @row is the table itself. Columns without a name are for machines only.
 */
static void render_row(const struct km_node *table, const struct km_node *row,
		       const struct columns *c, size_t indent, const struct sink *out)
{
	const struct km_node *column = table->first, *cell = row->first;
	size_t pending = indent + INDENT, at = 0;
	char buf[64];

	for (size_t i = 0; cell && i < c->count; i++, cell = cell->next, column = column->next) {
		const char *text =
			row == table ? column->title : value_text(&cell->value, buf, sizeof(buf));
		size_t width, pad;

		if (!column->title)
			continue;
		width = text_width(text, strlen(text));
		pad = c->widths[i] > width ? c->widths[i] - width : 0;
		if (column->right)
			pending += pad;
		if (width) {
			struct paragraph p = {
				.out = out, .hang = at + pending, .column = at + pending};

			fprintf(out->file, "%*s", (int)pending, "");
			begin_tone(out, cell->value.tone);
			/* prose in the last column goes on below itself */
			if (i + 1 == c->count && at + pending + width > KM_TEXT_WIDTH &&
			    at + pending + MIN_PROSE <= KM_TEXT_WIDTH)
				put_prose(&p, text);
			else
				put_text(text, strlen(text), out);
			end_tone(out, cell->value.tone);
			at += pending + width;
			pending = 0;
		}
		if (!column->right)
			pending += pad;
		pending += 2;
	}
	fputc('\n', out->file);
}

static void render_table(const struct km_node *table, size_t indent, const struct sink *out)
{
	struct columns c = measure(table);

	if (table->title)
		fprintf(out->file, "%*s%s\n", (int)indent, "", table->title);
	if (c.header)
		render_row(table, table, &c, indent, out);
	for (const struct km_node *row = c.first_row; row; row = row->next)
		render_row(table, row, &c, indent, out);
}

static void render_children(const struct km_node *parent, size_t indent, const struct sink *out);

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

static void render_compact(const struct km_node *section, size_t indent, const struct sink *out)
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

static void render_field(const struct km_node *n, size_t width, size_t indent,
			 const struct sink *out)
{
	struct paragraph p = {.out = out, .indent = indent, .hang = width + 2};
	char buf[64], label[80];
	int len = snprintf(label, sizeof(label), "%s:", n->title);

	if (len < 0 || (size_t)len >= sizeof(label))
		return;
	put_word(&p, label, (size_t)len, 0);
	fprintf(out->file, "%*s", (int)(width + 1 - (size_t)len), "");
	p.column += width + 1 - (size_t)len;
	put_words(&p, value_text(&n->value, buf, sizeof(buf)));
	end_paragraph(&p);
}

static void render_note(const struct km_node *n, size_t indent, const struct sink *out)
{
	struct paragraph p = {.out = out, .indent = indent, .hang = INDENT};
	static const enum km_tone tones[] = {
		[KM_NOTE] = KM_TONE_PLAIN,
		[KM_POSSIBLE] = KM_TONE_WARN,
		[KM_LIKELY] = KM_TONE_ALARM,
		[KM_PROVEN] = KM_TONE_ALARM,
	};
	char head[128];

	if (n->kind == KM_N_FINDING) {
		snprintf(head, sizeof(head), "! %s (%s):", n->key, km_certainty_text(n->certainty));
		begin_tone(out, tones[n->certainty]);
		put_words(&p, head);
		end_tone(out, tones[n->certainty]);
	}
	if (n->kind == KM_N_NOTE && n->key)
		put_word(&p, "-", 1, 0);
	put_words(&p, n->value.text);
	end_paragraph(&p);
	render_children(n, indent + INDENT, out);
}

static void render_children(const struct km_node *parent, size_t indent, const struct sink *out)
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
				struct paragraph p = {.out = out, .indent = indent, .hang = INDENT};

				begin_tone(out, n->value.tone);
				put_words(&p, n->title);
				end_tone(out, n->value.tone);
				end_paragraph(&p);
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

void km_render_text(const struct km_document *doc, FILE *file, bool color)
{
	const struct sink out = {file, color};

	render_children(km_document_root((struct km_document *)doc), 0, &out);
	if (km_document_oom(doc))
		fprintf(file, "memory ran out: the answer above is not complete\n");
}
