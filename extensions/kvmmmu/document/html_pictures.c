// SPDX-License-Identifier: GPL-2.0-or-later
#include "document/html.h"

#include "base/printable.h"

#include <inttypes.h>
#include <string.h>

void km_html_text(const char *text, FILE *out)
{
	size_t left = strlen(text);

	while (left) {
		uint32_t c;
		size_t len = km_utf8_decode(text, left, &c);

		if (!km_is_printable(c))
			fputc('?', out);
		else if (len == 1 && strchr("&<>\"'", *text))
			fprintf(out, "&#%d;", *text);
		else
			fwrite(text, 1, len, out);
		text += len;
		left -= len;
	}
}

/* ---- cells by the keys of their columns ---- */

static const struct km_value *value_of(const struct km_node *row, const char *key)
{
	const struct km_node *column = row->row.table->first;

	for (unsigned i = 0; i < row->row.table->columns; i++, column = column->next) {
		if (column->key && !strcmp(column->key, key))
			return &row->row.cells[i];
	}
	return NULL;
}

const char *km_html_cell(const struct km_node *row, const char *key, char buf[KM_VALUE_TEXT])
{
	const struct km_value *value = value_of(row, key);

	return value ? km_value_text(value, buf) : "";
}

bool km_html_number(const struct km_node *row, const char *key, uint64_t *number)
{
	const struct km_value *value = value_of(row, key);

	if (!value || value->kind == KM_V_NONE || value->kind == KM_V_TEXT)
		return false;
	*number = value->number;
	return true;
}

const struct km_node *km_html_row(const struct km_node *table, const struct km_node *row)
{
	const struct km_node *n = row ? row->next : table->first;

	while (n && n->kind != KM_N_ROW)
		n = n->next;
	return n;
}

/* <tag class="class">cell</tag> */
static void put_cell(const struct km_node *row, const char *key, const char *tag, FILE *out)
{
	char buf[KM_VALUE_TEXT];

	fprintf(out, "<%s class=\"%s\">", tag, key);
	km_html_text(km_html_cell(row, key, buf), out);
	fprintf(out, "</%s>", tag);
}

static const char *alarm_of(const struct km_node *row)
{
	for (unsigned i = 0; i < row->row.table->columns; i++) {
		if (row->row.cells[i].tone == KM_TONE_ALARM)
			return " class=\"wrong\"";
	}
	return "";
}

/* ---- lists that are drawn by their style ---- */

struct part {
	const char *key, *tag; /* of a cell, and the element that it becomes */
};

static void draw_list(const struct km_node *table, const char *class, const struct part *parts,
		      FILE *out)
{
	fprintf(out, "<ol class=\"%s\">\n", class);
	for (const struct km_node *row = km_html_row(table, NULL); row;
	     row = km_html_row(table, row)) {
		fprintf(out, "<li%s>", alarm_of(row));
		for (const struct part *part = parts; part->key; part++)
			put_cell(row, part->key, part->tag, out);
		fputs("</li>\n", out);
	}
	fputs("</ol>\n", out);
}

static void draw_loop(const struct km_node *table, FILE *out)
{
	static const struct part parts[] = {{"who", "b"}, {"what", "span"}, {NULL, NULL}};

	draw_list(table, "loop", parts, out);
}

static void draw_walk(const struct km_node *table, FILE *out)
{
	static const struct part parts[] = {{"level", "b"},
					    {"entry", "code"},
					    {"spte", "code"},
					    {"text", "span"},
					    {NULL, NULL}};

	draw_list(table, "walk", parts, out);
}

/* ---- a permission table: what the role implies beside what is there ---- */

#define CELL 16
#define LEFT 104 /* of the names of accesses */
#define TOP  34

static void draw_access_names(const struct km_node *table, FILE *out)
{
	unsigned y = TOP;
	char buf[KM_VALUE_TEXT];

	for (const struct km_node *row = km_html_row(table, NULL); row;
	     row = km_html_row(table, row), y += CELL) {
		fprintf(out, "<text x=\"%d\" y=\"%u\" class=\"end\">", LEFT - 6, y + 12);
		km_html_text(km_html_cell(row, "access", buf), out);
		fputs("</text>\n", out);
	}
}

/* One grid of cells from column @x on. @found: the table as it is; else as its role implies. */
static void draw_grid(const struct km_node *table, unsigned x, bool found, FILE *out)
{
	unsigned y = TOP;
	char buf[KM_VALUE_TEXT];
	uint64_t fault;

	for (const struct km_node *row = km_html_row(table, NULL); row;
	     row = km_html_row(table, row), y += CELL) {
		const char *cells = km_html_cell(row, "matrix", buf);
		bool has_fault = km_html_number(row, "fault", &fault);

		for (unsigned i = 0; cells[i]; i++) {
			bool denied = cells[i] == '#' || cells[i] == (found ? 'D' : 'A');
			bool differs = found && strchr("AD", cells[i]);

			fprintf(out,
				"<rect x=\"%u\" y=\"%u\" width=\"14\" height=\"14\" "
				"class=\"%s%s%s\"/>\n",
				x + i * CELL, y, denied ? "denied" : "allowed",
				differs ? " differs" : "", has_fault && fault == i ? " fault" : "");
			if (differs)
				fprintf(out, "<text x=\"%u\" y=\"%u\" class=\"letter\">%c</text>\n",
					x + i * CELL + 7, y + 11, cells[i]);
		}
	}
}

static void draw_headers(unsigned x, size_t columns, const char *title, FILE *out)
{
	fprintf(out, "<text x=\"%u\" y=\"12\">%s</text>\n", x, title);
	for (size_t i = 0; i < columns; i++)
		fprintf(out, "<text x=\"%zu\" y=\"28\" class=\"letter\">%zx</text>\n",
			x + i * CELL + 7, i);
}

static void draw_matrix(const struct km_node *table, FILE *out)
{
	const struct km_node *row = km_html_row(table, NULL);
	char buf[KM_VALUE_TEXT];
	size_t columns = row ? strlen(km_html_cell(row, "matrix", buf)) : 0;
	unsigned rows = 0, second = LEFT + (unsigned)columns * CELL + 24;

	for (; row; row = km_html_row(table, row))
		rows++;
	fprintf(out,
		"<div class=\"scroll\"><svg role=\"img\" viewBox=\"0 0 %zu %u\" width=\"%zu\" "
		"height=\"%u\"><title>Permission table: what the role implies, and what is in "
		"memory</title>\n",
		second + columns * CELL + 2, TOP + rows * CELL + 2, second + columns * CELL + 2,
		TOP + rows * CELL + 2);
	draw_access_names(table, out);
	draw_headers(LEFT, columns, "implied by the role", out);
	draw_grid(table, LEFT, false, out);
	draw_headers(second, columns, "in memory", out);
	draw_grid(table, second, true, out);
	fputs("</svg></div>\n<p class=\"key\"><i class=\"denied\">&nbsp;</i> denied <i "
	      "class=\"allowed\">&nbsp;</i> allowed <i class=\"differs\">&nbsp;</i> A, D: allowed "
	      "or denied, contrary to the role <i class=\"fault\">&nbsp;</i> this fault</p>\n",
	      out);
}

/* ---- ranges, side by side ---- */

#define STRIP	  900
#define MIN_SLICE 14

/* Sum of the sizes in column "bytes", and the number of rows. */
static double total_of(const struct km_node *table, unsigned *rows)
{
	double total = 0;
	uint64_t bytes;

	*rows = 0;
	for (const struct km_node *row = km_html_row(table, NULL); row;
	     row = km_html_row(table, row)) {
		if (km_html_number(row, "bytes", &bytes))
			total += (double)bytes;
		++*rows;
	}
	return total;
}

/* Widths follow the sizes, with room for each to be seen. */
static void draw_strip(const struct km_node *table, const char *title, FILE *out)
{
	unsigned rows, n = 1;
	double total = total_of(table, &rows), x = 0, room = STRIP - (double)rows * MIN_SLICE;
	char buf[KM_VALUE_TEXT];
	uint64_t bytes, fault;

	if (!rows || room < 0)
		return;
	fprintf(out, "<svg role=\"img\" class=\"strip\" viewBox=\"0 0 %d 62\"><title>%s</title>\n",
		STRIP, title);
	for (const struct km_node *row = km_html_row(table, NULL); row;
	     row = km_html_row(table, row), n++) {
		double width = MIN_SLICE;

		if (km_html_number(row, "bytes", &bytes) && total > 0)
			width += room * (double)bytes / total;
		fprintf(out, "<rect x=\"%.1f\" y=\"18\" width=\"%.1f\" height=\"30\" class=\"s-", x,
			width);
		km_html_text(km_html_cell(row, "class", buf), out);
		fprintf(out, "\"/>\n<text x=\"%.1f\" y=\"60\" class=\"letter\">%u</text>\n",
			x + width / 2, n);
		if (km_html_number(row, "fault", &fault) && fault)
			fprintf(out, "<path d=\"M%.1f 17l-7-14h14z\" class=\"mark\"/>\n",
				x + width / 2);
		x += width;
	}
	fputs("</svg>\n", out);
}

bool km_html_picture(const struct km_node *table, FILE *out)
{
	switch (table->look) {
	case KM_LOOK_LOOP:
		draw_loop(table, out);
		return true;
	case KM_LOOK_WALK:
		draw_walk(table, out);
		return true;
	case KM_LOOK_MATRIX:
		draw_matrix(table, out);
		return false;
	case KM_LOOK_BYTES:
		draw_strip(table, "Ranges of memory around the damage", out);
		return false;
	case KM_LOOK_MAP:
		draw_strip(table, "Guest memory by the state of its SPTEs", out);
		return false;
	case KM_LOOK_PLAIN:
	case KM_LOOK_CHAPTER:
	case KM_LOOK_COMMAND:
	case KM_LOOK_FRAMES:
	case KM_LOOK_LOG:
		break;
	}
	return false;
}
