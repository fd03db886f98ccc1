// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * For people at a terminal: paragraphs within 80 columns, or those of the terminal, in which tables
 * are folded; otherwise they are as wide as they need. In colour, important text is highlighted by
 * a terminal's escape sequences.
 */
#include "base/printable.h"
#include "document/paragraph.h"
#include "document/render.h"

#include <string.h>

#define WIDTH	  80
#define MIN_PROSE 24 /* columns; what is narrower is not worth breaking */
#define INDENT	  2

/* Where text goes. */
struct sink {
	FILE *file;
	bool color;
	size_t width;	/* exactly; 0: a word may be longer */
	size_t columns; /* of prose, and where tables are folded; 0: WIDTH, and they are not */
};

static size_t columns_of(const struct sink *out)
{
	if (out->width)
		return out->width;
	return out->columns ? out->columns : WIDTH;
}

static void begin_tone(const struct sink *out, enum km_tone tone)
{
	static const char *const sgr[] = {
		[KM_TONE_PLAIN] = "",
		[KM_TONE_GOOD] = "\033[32m",
		[KM_TONE_WARN] = "\033[33m",
		[KM_TONE_ALARM] = "\033[1;31m",
	};

	if (out->color)
		fputs(sgr[tone], out->file);
}

static void end_tone(const struct sink *out, enum km_tone tone)
{
	if (out->color && tone != KM_TONE_PLAIN)
		fputs("\033[0m", out->file);
}

static struct km_paragraph paragraph(const struct sink *out, size_t indent, size_t hang)
{
	return (struct km_paragraph){
		.out = out->file,
		.width = columns_of(out),
		.hard = out->width,
		.indent = indent,
		.hang = hang,
	};
}

static size_t width_of(const char *text)
{
	return km_printable_width(text, strlen(text));
}

/* ---- tables ---- */

struct grid {
	size_t starts[KM_MAX_COLUMNS], widths[KM_MAX_COLUMNS];
	/* the line of a row that a column is on: those that do not fit continue on the next one */
	unsigned lines[KM_MAX_COLUMNS], last_line;
	const struct km_node *last; /* column */
	bool header;		    /* has any column a name? */
};

static void widen(size_t *width, const char *text)
{
	size_t needed = width_of(text);

	if (needed > *width)
		*width = needed;
}

/* Only columns that people see have a width. */
static void measure_rows(const struct km_node *table, struct grid *g)
{
	char buf[KM_VALUE_TEXT];

	for (const struct km_node *n = table->first; n; n = n->next) {
		km_document_visit(n->doc);
		const struct km_node *column = table->first;

		if (n->kind != KM_N_ROW)
			continue;
		for (unsigned i = 0; i < table->columns; i++, column = column->next) {
			if (column->people)
				widen(&g->widths[i], km_value_text(&n->row.cells[i], buf));
		}
	}
}

/* Columns that @column, the @i-th, needs at least: prose in the last one is broken. */
static size_t needed(const struct grid *g, const struct km_node *column, unsigned i)
{
	if (column == g->last && g->widths[i] > MIN_PROSE)
		return MIN_PROSE;
	return g->widths[i];
}

static void place_columns(const struct km_node *table, struct grid *g, size_t indent,
			  const struct sink *out)
{
	const struct km_node *column = table->first;
	size_t start = indent + INDENT, end = out->width ? out->width : out->columns;
	bool any = false; /* column on this line */

	for (unsigned i = 0; i < table->columns; i++, column = column->next) {
		if (column->people && any && end && start + needed(g, column, i) > end) {
			g->last_line++;
			start = indent + 3 * INDENT;
			any = false;
		}
		any |= column->people;
		g->lines[i] = g->last_line;
		g->starts[i] = start;
		if (column->people)
			start += g->widths[i] + 2;
	}
}

static struct grid measure(const struct km_node *table, size_t indent, const struct sink *out)
{
	const struct km_node *column = table->first;
	struct grid g = {0};

	for (unsigned i = 0; i < table->columns; i++, column = column->next) {
		if (!column->people)
			continue;
		g.widths[i] = width_of(column->title);
		g.header |= *column->title;
		g.last = column;
	}
	measure_rows(table, &g);
	place_columns(table, &g, indent, out);
	return g;
}

/* Where the text of column @i goes, and how. */
struct cell {
	const struct km_node *column;
	unsigned i;
	const char *text;
	enum km_tone tone;
};

/* Prose in the last column continues on further lines if it is too long. */
static void put_cell(struct km_paragraph *p, const struct grid *g, const struct cell *cell,
		     const struct sink *out)
{
	size_t width = width_of(cell->text);
	size_t start = g->starts[cell->i] + (cell->column->right ? g->widths[cell->i] - width : 0);

	km_put_spaces_to(p, start);
	p->hang = start;
	begin_tone(out, cell->tone);
	if (cell->column == g->last && start + width > p->width &&
	    (p->hard || start + MIN_PROSE <= p->width))
		km_put_prose(p, cell->text);
	else
		km_put_unbroken(p, cell->text);
	end_tone(out, cell->tone);
}

/* One line of a row. @row: NULL: the header. */
static void render_line(const struct km_node *table, const struct km_node *row,
			const struct grid *g, unsigned line, const struct sink *out)
{
	struct km_paragraph p = paragraph(out, 0, 0);
	const struct km_node *column = table->first;
	char buf[KM_VALUE_TEXT];

	for (unsigned i = 0; i < table->columns; i++, column = column->next) {
		const struct km_value *value = row ? &row->row.cells[i] : NULL;
		const struct cell cell = {column, i,
					  value ? km_value_text(value, buf) : column->title,
					  value ? value->tone : KM_TONE_PLAIN};

		if (column->people && *cell.text && g->lines[i] == line)
			put_cell(&p, g, &cell, out);
	}
	if (p.column || !line)
		fputc('\n', out->file);
}

static void render_row(const struct km_node *table, const struct km_node *row, const struct grid *g,
		       const struct sink *out)
{
	for (unsigned line = 0; line <= g->last_line; line++)
		render_line(table, row, g, line, out);
}

static void render_table(const struct km_node *table, size_t indent, const struct sink *out)
{
	struct grid g = measure(table, indent, out);

	if (table->title) {
		struct km_paragraph p = paragraph(out, indent, INDENT);

		km_put_words(&p, table->title);
		km_end_paragraph(&p);
	}
	if (g.header)
		render_row(table, NULL, &g, out);
	for (const struct km_node *n = table->first; n; n = n->next) {
		km_document_visit(n->doc);
		if (n->kind == KM_N_ROW)
			render_row(table, n, &g, out);
	}
}

/* ---- all else ---- */

static void render_children(const struct km_node *parent, size_t indent, const struct sink *out);
static void render_node(const struct km_node *n, size_t label_columns, size_t indent,
			const struct sink *out);

/* Width of the labels of a section's fields: their values begin in one column. */
static size_t label_width(const struct km_node *section)
{
	size_t width = 0;

	for (const struct km_node *n = section->first; n; n = n->next) {
		km_document_visit(n->doc);
		if (n->kind == KM_N_FIELD && n->people)
			widen(&width, n->title);
	}
	return width;
}

/* "label value", in one line if it fits. */
static void put_pair(struct km_paragraph *p, const char *label, const char *value)
{
	if (!*label) {
		km_begin_unit(p, width_of(value), 2);
		km_put_prose(p, value);
		return;
	}
	km_begin_unit(p, width_of(label) + 1 + width_of(value), 2);
	km_put_prose(p, label);
	km_put_words(p, value);
}

/* The title and the fields in one paragraph, everything else in lines of its own below. */
static void render_compact(const struct km_node *section, size_t indent, const struct sink *out)
{
	struct km_paragraph p = paragraph(out, indent, INDENT);
	char buf[KM_VALUE_TEXT];

	if (section->title)
		km_put_words(&p, section->title);
	for (const struct km_node *n = section->first; n; n = n->next) {
		if (n->kind == KM_N_FIELD && n->people)
			put_pair(&p, n->title, km_value_text(&n->value, buf));
	}
	km_end_paragraph(&p);
	for (const struct km_node *n = section->first; n; n = n->next) {
		if (n->kind != KM_N_FIELD && n->people)
			render_node(n, 0, indent + INDENT, out);
	}
}

static void render_field(const struct km_node *n, size_t width, size_t indent,
			 const struct sink *out)
{
	struct km_paragraph p = paragraph(out, indent, *n->title ? width + 2 : 0);
	char buf[KM_VALUE_TEXT];

	if (*n->title) {
		km_put_word(&p, n->title, strlen(n->title), 0);
		km_put_prose(&p, ":");
		km_put_spaces_to(&p, indent + width + 1);
	}
	begin_tone(out, n->value.tone);
	km_put_words(&p, km_value_text(&n->value, buf));
	end_tone(out, n->value.tone);
	km_end_paragraph(&p);
}

static void render_note(const struct km_node *n, size_t indent, const struct sink *out)
{
	struct km_paragraph p = paragraph(out, indent, INDENT);

	if (n->key)
		km_put_words(&p, "-");
	km_put_words(&p, n->value.text);
	km_end_paragraph(&p);
}

static void render_finding(const struct km_node *n, size_t indent, const struct sink *out)
{
	static const enum km_tone tones[] = {
		[KM_NOTE] = KM_TONE_PLAIN,
		[KM_POSSIBLE] = KM_TONE_WARN,
		[KM_LIKELY] = KM_TONE_ALARM,
		[KM_PROVEN] = KM_TONE_ALARM,
	};
	struct km_paragraph p = paragraph(out, indent, INDENT);
	char head[128];

	snprintf(head, sizeof(head), "! %s (%s):", n->key, km_certainty_text(n->certainty));
	begin_tone(out, tones[n->certainty]);
	km_put_words(&p, head);
	end_tone(out, tones[n->certainty]);
	km_put_words(&p, n->value.text);
	km_end_paragraph(&p);
	render_children(n, indent + INDENT, out);
}

static void render_section(const struct km_node *section, size_t indent, const struct sink *out)
{
	if (section->compact) {
		render_compact(section, indent, out);
		return;
	}
	if (section->look == KM_LOOK_CHAPTER)
		fputc('\n', out->file);
	if (section->title) {
		struct km_paragraph p = paragraph(out, indent, INDENT);

		begin_tone(out, section->value.tone);
		km_put_words(&p, section->title);
		end_tone(out, section->value.tone);
		km_end_paragraph(&p);
	}
	render_children(section, section->title ? indent + INDENT : indent, out);
}

static void render_node(const struct km_node *n, size_t label_columns, size_t indent,
			const struct sink *out)
{
	switch (n->kind) {
	case KM_N_SECTION:
		render_section(n, indent, out);
		break;
	case KM_N_LIST:
		render_children(n, indent, out);
		break;
	case KM_N_FIELD:
		render_field(n, label_columns, indent, out);
		break;
	case KM_N_TABLE:
		render_table(n, indent, out);
		break;
	case KM_N_COLUMN:
	case KM_N_ROW:
		break; /* by their table */
	case KM_N_NOTE:
		render_note(n, indent, out);
		break;
	case KM_N_FINDING:
		render_finding(n, indent, out);
		break;
	}
}

static void render_children(const struct km_node *parent, size_t indent, const struct sink *out)
{
	size_t label_columns = label_width(parent);

	for (const struct km_node *n = parent->first; n; n = n->next) {
		km_document_visit(n->doc);
		if (n->people)
			render_node(n, label_columns, indent, out);
	}
}

bool km_render_text(const struct km_document *doc, const struct km_render_options *options,
		    FILE *file)
{
	const struct sink out = {file, options->color, options->width, options->columns};

	render_children(km_document_root(doc), 0, &out);
	return true;
}

void km_render_text_table(const struct km_node *table, size_t indent,
			  const struct km_render_options *options, FILE *file)
{
	const struct sink out = {file, false, options->width, options->columns};

	render_table(table, indent, &out);
}
