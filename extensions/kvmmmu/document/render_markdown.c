// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CommonMark, for mailing lists and bug trackers: lines of at most 76 columns, tables as code, so
 * that they are readable without a renderer, too.
 */
#include "base/printable.h"
#include "document/paragraph.h"
#include "document/render.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 76

/* What the last block was; items of one list have no blank line between them. */
enum block {
	NO_BLOCK,
	ITEM,
	OTHER,
};

struct writer {
	FILE *out;
	const struct km_render_options *options;
	enum block last;
	bool oom;
};

static void begin_block(struct writer *w, enum block block)
{
	if (w->last != NO_BLOCK && !(block == ITEM && w->last == ITEM))
		fputc('\n', w->out);
	w->last = block;
}

static struct km_paragraph paragraph(const struct writer *w, size_t hang)
{
	return (struct km_paragraph){.out = w->out,
				     .width = w->options->width ? w->options->width : WIDTH,
				     .hard = true,
				     .hang = hang};
}

/*
 * Would the word of @len bytes, at the start of a line, begin a list or a quote, or make a heading
 * or rule of it?
 */
static bool begins_block(const char *word, size_t len)
{
	size_t digits = strspn(word, "0123456789");

	if (*word == '>' || strspn(word, "#+-") >= len)
		return true;
	return digits && digits + 1 == len && strchr(".)", word[digits]);
}

static bool is_word_character(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Inside a word, CommonMark takes '_' literally. */
static bool is_markup(const char *text, const char *c)
{
	if (*c == '_')
		return c == text || !is_word_character(c[-1]) || !is_word_character(c[1]);
	return strchr("\\`*[<&~", *c);
}

/* Write the word, escaped where CommonMark would read it as markup. */
static void put_safe(const char *text, const char *word, size_t len, FILE *out)
{
	bool begins = begins_block(word, len);
	size_t mark = begins && strspn(word, "0123456789") ? len - 1 : 0;

	for (size_t i = 0; i < len; i++) {
		if ((begins && i == mark) || is_markup(text, word + i))
			fputc('\\', out);
		fputc(word[i], out);
	}
}

/* Return @text with all markup escaped; the caller frees it. NULL: out of memory. */
static char *escaped(const char *text)
{
	char *result = NULL;
	size_t size;
	FILE *out = open_memstream(&result, &size);

	if (!out)
		return NULL;
	for (const char *c = text; *c;) {
		size_t len = strcspn(c, " ");

		put_safe(text, c, len, out);
		if (c[len])
			fputc(' ', out);
		c += len + (c[len] == ' ');
	}
	if (!fclose(out))
		return result;
	free(result);
	return NULL;
}

static void put_escaped(struct writer *w, struct km_paragraph *p, const char *text)
{
	char *copy = escaped(text);

	if (copy)
		km_put_words(p, copy);
	else
		w->oom = true;
	free(copy);
}

/* A heading of one line or, if it is too long, words in bold: headings cannot be broken. */
static void put_heading(struct writer *w, const char *title, unsigned depth)
{
	struct km_paragraph p = paragraph(w, 0);
	char *copy = escaped(title);
	bool fits = copy && km_printable_width(copy, strlen(copy)) + depth + 1 <= p.width;

	begin_block(w, OTHER);
	if (fits) {
		for (unsigned i = 0; i < (depth < 6 ? depth : 6); i++)
			fputc('#', w->out);
		fputc(' ', w->out);
		km_put_printable(copy, strlen(copy), w->out);
		fputc('\n', w->out);
	} else if (copy) {
		km_put_words(&p, "**");
		km_put_prose(&p, copy);
		km_put_unbroken(&p, "**");
		km_end_paragraph(&p);
	} else {
		w->oom = true;
	}
	free(copy);
}

/* Items begin with "- "; without a mark it is a paragraph. */
static void put_text(struct writer *w, const char *mark, const char *label, const char *text)
{
	struct km_paragraph p = paragraph(w, strlen(mark) ? 2 : 0);

	begin_block(w, *mark ? ITEM : OTHER);
	if (*mark)
		km_put_words(&p, mark);
	if (*label) {
		put_escaped(w, &p, label);
		km_put_unbroken(&p, ":");
	}
	put_escaped(w, &p, text);
	km_end_paragraph(&p);
}

static void put_field(struct writer *w, const struct km_node *n)
{
	char buf[KM_VALUE_TEXT];
	const char *text = km_value_text(&n->value, buf);
	struct km_paragraph p = paragraph(w, 2);

	size_t columns = strlen(n->title) + strlen(text) + 6; /* "- ", ": ", two backticks */

	if (!km_looks_typed(n) || strchr(text, '`') || columns > p.width) {
		put_text(w, *n->title ? "-" : "", n->title, text);
		return;
	}
	begin_block(w, ITEM);
	km_put_words(&p, "-");
	put_escaped(w, &p, n->title);
	km_put_unbroken(&p, ": `");
	km_put_unbroken(&p, text);
	km_put_unbroken(&p, "`");
	km_end_paragraph(&p);
}

/* Write a fence that is longer than any run of backticks in @text. */
static void put_fence(struct writer *w, const char *text)
{
	size_t longest = 2;

	for (const char *c = text; *c; c++) {
		size_t run = strspn(c, "`");

		longest = run > longest ? run : longest;
	}
	for (size_t i = 0; i <= longest; i++)
		fputc('`', w->out);
}

static void put_table(struct writer *w, const struct km_node *table)
{
	struct km_render_options options = {.width = w->options->width ? w->options->width : WIDTH};
	struct km_node untitled = *table;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (table->title)
		put_text(w, "", "", table->title);
	untitled.title = NULL;
	if (!out) {
		w->oom = true;
		return;
	}
	km_render_text_table(&untitled, 0, &options, out);
	if (fclose(out)) {
		w->oom = true;
	} else if (*text) {
		begin_block(w, OTHER);
		put_fence(w, text);
		fprintf(w->out, "text\n%s", text);
		put_fence(w, text);
		fputc('\n', w->out);
	}
	free(text);
}

static void put_children(struct writer *w, const struct km_node *parent, unsigned depth);

static void put_finding(struct writer *w, const struct km_node *n, unsigned depth)
{
	struct km_paragraph p = paragraph(w, 0);

	begin_block(w, OTHER);
	km_put_words(&p, "**");
	km_put_unbroken(&p, n->key);
	km_put_unbroken(&p, "**");
	km_put_words(&p, "(");
	km_put_unbroken(&p, km_certainty_text(n->certainty));
	km_put_unbroken(&p, "):");
	put_escaped(w, &p, n->value.text);
	km_end_paragraph(&p);
	put_children(w, n, depth);
}

static void put_node(struct writer *w, const struct km_node *n, unsigned depth)
{
	switch (n->kind) {
	case KM_N_SECTION:
		if (n->title)
			put_heading(w, n->title, depth);
		put_children(w, n, n->title ? depth + 1 : depth);
		break;
	case KM_N_LIST:
		put_children(w, n, depth);
		break;
	case KM_N_FIELD:
		put_field(w, n);
		break;
	case KM_N_TABLE:
		put_table(w, n);
		break;
	case KM_N_NOTE:
		put_text(w, n->key ? "-" : "", "", n->value.text);
		break;
	case KM_N_FINDING:
		put_finding(w, n, depth);
		break;
	case KM_N_COLUMN:
	case KM_N_ROW:
		break; /* by their table */
	}
}

static void put_children(struct writer *w, const struct km_node *parent, unsigned depth)
{
	for (const struct km_node *n = parent->first; n; n = n->next) {
		km_document_visit(n->doc);
		if (n->people)
			put_node(w, n, depth);
	}
}

bool km_render_markdown(const struct km_document *doc, const struct km_render_options *options,
			FILE *out)
{
	struct writer w = {out, options, NO_BLOCK, false};
	const struct km_node *root = km_document_root(doc);

	if (root->title)
		put_heading(&w, root->title, 1);
	put_children(&w, root, 2);
	return !w.oom;
}
