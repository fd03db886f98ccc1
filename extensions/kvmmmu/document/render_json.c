// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * For machines: one JSON object and a newline, always valid UTF-8, with one line for each value or,
 * if asked for, a single line, so that answers can be appended to a file and read line by line. It
 * is written as the tree is walked. json-c would build a second tree that is several times as large
 * as the document, each part of it an allocation that may fail, and cannot write piece by piece.
 */
#include "base/printable.h"
#include "document/render.h"

#include <inttypes.h>
#include <string.h>

struct writer {
	FILE *out;
	int depth;
	bool first;    /* nothing is written yet in the innermost array or object */
	bool one_line; /* no blanks and no newlines between values */
};

/* Begin a new line, unless the whole answer is on one line. */
static void begin_line(struct writer *w)
{
	if (!w->one_line)
		fprintf(w->out, "\n%*s", w->depth * 2, "");
}

/* Begin an item of the innermost array or object. */
static void begin_item(struct writer *w)
{
	if (!w->first)
		fputc(',', w->out);
	begin_line(w);
	w->first = false;
}

static void open_bracket(struct writer *w, char bracket)
{
	fputc(bracket, w->out);
	w->depth++;
	w->first = true;
}

/* "[]" if there is nothing inside. */
static void close_bracket(struct writer *w, char bracket)
{
	w->depth--;
	if (!w->first)
		begin_line(w);
	fputc(bracket, w->out);
	w->first = false;
}

/*
 * A character that may not be written as it is. Bytes that are not UTF-8 are shown as "\x9b" is in
 * C, which a reader of the JSON sees as these four characters.
 */
static void put_escaped(FILE *out, uint32_t c, unsigned char byte)
{
	if (c == KM_NOT_UTF8)
		fprintf(out, "\\\\x%02x", byte);
	else if (c == '"' || c == '\\')
		fprintf(out, "\\%c", (char)c);
	else
		fprintf(out, "\\u%04x", (unsigned)c);
}

static bool is_plain(uint32_t c)
{
	return km_is_printable(c) && c != '"' && c != '\\';
}

static void put_string(struct writer *w, const char *text)
{
	const char *plain = text, *end = text + strlen(text);
	uint32_t c;

	fputc('"', w->out);
	for (size_t bytes; text < end; text += bytes) {
		bytes = km_utf8_decode(text, (size_t)(end - text), &c);
		if (is_plain(c))
			continue;
		fwrite(plain, 1, (size_t)(text - plain), w->out);
		put_escaped(w->out, c, (unsigned char)*text);
		plain = text + bytes;
	}
	fwrite(plain, 1, (size_t)(end - plain), w->out);
	fputc('"', w->out);
}

static void put_key(struct writer *w, const char *key)
{
	begin_item(w);
	put_string(w, key);
	fputs(w->one_line ? ":" : ": ", w->out);
}

static void put_value(struct writer *w, const struct km_value *value)
{
	switch (value->kind) {
	case KM_V_NONE:
		fputs("null", w->out);
		break;
	case KM_V_TEXT:
		put_string(w, value->text);
		break;
	case KM_V_DEC:
		fprintf(w->out, "%" PRIu64, value->number);
		break;
	case KM_V_SIGNED:
		fprintf(w->out, "%" PRId64, (int64_t)value->number);
		break;
	case KM_V_HEX:
		fprintf(w->out, "\"0x%" PRIx64 "\"", value->number);
		break;
	case KM_V_BOOL:
		fputs(value->number ? "true" : "false", w->out);
		break;
	}
}

static void put_members(struct writer *w, const struct km_node *parent);

static void put_section(struct writer *w, const struct km_node *section)
{
	open_bracket(w, '{');
	put_members(w, section);
	close_bracket(w, '}');
}

static void put_row(struct writer *w, const struct km_node *row)
{
	const struct km_node *column = row->row.table->first;

	open_bracket(w, '{');
	for (unsigned i = 0; i < row->row.table->columns; i++, column = column->next) {
		if (!column->machines)
			continue;
		put_key(w, column->key);
		put_value(w, &row->row.cells[i]);
	}
	close_bracket(w, '}');
}

static void put_finding(struct writer *w, const struct km_node *finding)
{
	open_bracket(w, '{');
	put_key(w, "id");
	put_string(w, finding->key);
	put_key(w, "certainty");
	put_string(w, km_certainty_text(finding->certainty));
	put_key(w, "text");
	put_value(w, &finding->value);
	put_members(w, finding);
	close_bracket(w, '}');
}

/* What @n adds to the array of its key. */
static void put_items(struct writer *w, const struct km_node *n)
{
	switch (n->kind) {
	case KM_N_LIST:
		for (const struct km_node *item = n->first; item; item = item->next) {
			km_document_visit(item->doc);
			begin_item(w);
			put_section(w, item);
		}
		break;
	case KM_N_TABLE:
		for (const struct km_node *row = n->first; row; row = row->next) {
			km_document_visit(row->doc);
			if (row->kind != KM_N_ROW)
				continue;
			begin_item(w);
			put_row(w, row);
		}
		break;
	case KM_N_NOTE:
		begin_item(w);
		put_value(w, &n->value);
		break;
	case KM_N_FINDING:
		begin_item(w);
		put_finding(w, n);
		break;
	case KM_N_SECTION:
	case KM_N_FIELD:
	case KM_N_COLUMN:
	case KM_N_ROW:
		break; /* not in an array of their own */
	}
}

/* The key of the array that @n adds to; NULL: it is a member by itself. */
static const char *array_key(const struct km_node *n)
{
	switch (n->kind) {
	case KM_N_LIST:
	case KM_N_TABLE:
		return n->key;
	case KM_N_NOTE:
		return n->key ? n->key : "notes";
	case KM_N_FINDING:
		return "findings";
	case KM_N_SECTION:
	case KM_N_FIELD:
	case KM_N_COLUMN:
	case KM_N_ROW:
		return NULL;
	}
	return NULL;
}

static bool adds_to(const struct km_node *n, const char *key)
{
	const char *its = n->machines ? array_key(n) : NULL;

	return its && !strcmp(its, key);
}

/* Is there one before @n in @parent that adds to the same array? */
static bool is_continued(const struct km_node *parent, const struct km_node *n, const char *key)
{
	const struct km_node *before = parent->first;

	while (before != n && !adds_to(before, key))
		before = before->next;
	return before != n;
}

/* One array of everything in @parent that has its key, where the first of them is. */
static void put_array(struct writer *w, const struct km_node *parent, const struct km_node *n)
{
	const char *key = array_key(n);

	if (is_continued(parent, n, key))
		return;
	put_key(w, key);
	open_bracket(w, '[');
	for (; n; n = n->next) {
		if (adds_to(n, key))
			put_items(w, n);
	}
	close_bracket(w, ']');
}

static void put_members(struct writer *w, const struct km_node *parent)
{
	for (const struct km_node *n = parent->first; n; n = n->next) {
		km_document_visit(n->doc);
		if (!n->machines)
			continue;
		if (array_key(n)) {
			put_array(w, parent, n);
		} else if (n->kind == KM_N_FIELD) {
			put_key(w, n->key);
			put_value(w, &n->value);
		} else if (n->kind == KM_N_SECTION) {
			put_key(w, n->key);
			put_section(w, n);
		}
	}
}

bool km_render_json(const struct km_document *doc, const struct km_render_options *options,
		    FILE *out)
{
	struct writer w = {.out = out, .one_line = options->one_line};

	put_section(&w, km_document_root(doc));
	fputc('\n', out);
	return true;
}
