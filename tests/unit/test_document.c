// SPDX-License-Identifier: GPL-2.0-or-later
/* Documents: how they are built, what is wrong with one, and what each format makes of it. */
#include "cm.h"
#include "base/printable.h"
#include "document/redact.h"
#include "document/render.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static struct km_document *doc;
static struct km_node *root;

static int begin(void **state)
{
	(void)state;
	doc = km_document_new();
	root = km_document_root(doc);
	return 0;
}

static int end(void **state)
{
	(void)state;
	km_document_free(doc);
	return 0;
}

static char *rendered(enum km_format format, bool color)
{
	const struct km_render_options options = {.color = color};
	char *out;
	size_t size;
	FILE *file = open_memstream(&out, &size);

	assert_null(km_render(doc, format, &options, file));
	fclose(file);
	return out;
}

static void shows(enum km_format format, const char *expected)
{
	char *out = rendered(format, false);

	assert_null(km_document_defect(doc));
	assert_string_equal(out, expected);
	free(out);
}

#define shows_text(expected) shows(KM_FORMAT_TEXT, expected)
#define shows_json(expected) shows(KM_FORMAT_JSON, expected)

static void test_formats(void **state)
{
	enum km_format format = KM_FORMATS;

	(void)state;
	assert_int_equal(KM_FORMAT_TEXT, 0); /* what zeroed options mean */
	for (int i = 0; i < KM_FORMATS; i++) {
		const struct km_renderer *r = km_renderer(i);

		assert_non_null(r->render);
		assert_non_null(strchr(r->media, '/'));
		assert_true(km_format_parse(r->name, &format));
		assert_int_equal(format, i);
	}
	assert_false(km_format_parse("", &format));
	assert_false(km_format_parse("JSON", &format));
}

static void test_values(void **state)
{
	(void)state;
	km_doc_field(root, "none", "none", km_v_none("not in the dump"));
	km_doc_field(root, "nothing", "nothing", km_v_none(NULL));
	km_doc_field(root, "text", "text", km_v_text("a b"));
	km_doc_field(root, "no_text", "no text", km_v_text(NULL));
	km_doc_field(root, "dec", "dec", km_v_dec(UINT64_MAX));
	km_doc_field(root, "signed", "signed", km_v_signed(INT64_MIN));
	km_doc_field(root, "hex", "hex", km_v_hex(UINT64_MAX));
	km_doc_field(root, "bool", "bool", km_v_bool(true));
	km_doc_field(root, "as", "as", km_v_as(km_v_bool(false), "never"));
	km_doc_field(root, "lost", "lost",
		     km_v_val((struct km_val){.known = KM_UNREADABLE}, KM_V_DEC));
	km_doc_field(root, "absent", "absent",
		     km_v_val((struct km_val){.known = KM_ABSENT}, KM_V_HEX));
	km_doc_field(root, "val", "val", km_v_val(km_known_val(16), KM_V_HEX));
	shows_text("none:    not in the dump\n"
		   "nothing: -\n"
		   "text:    a b\n"
		   "no text: -\n"
		   "dec:     18446744073709551615\n"
		   "signed:  -9223372036854775808\n"
		   "hex:     0xffffffffffffffff\n"
		   "bool:    yes\n"
		   "as:      never\n"
		   "lost:    ?\n"
		   "absent:  -\n"
		   "val:     0x10\n");
	shows_json("{\n"
		   "  \"none\": null,\n"
		   "  \"nothing\": null,\n"
		   "  \"text\": \"a b\",\n"
		   "  \"no_text\": null,\n"
		   "  \"dec\": 18446744073709551615,\n"
		   "  \"signed\": -9223372036854775808,\n"
		   "  \"hex\": \"0xffffffffffffffff\",\n"
		   "  \"bool\": true,\n"
		   "  \"as\": false,\n"
		   "  \"lost\": null,\n"
		   "  \"absent\": null,\n"
		   "  \"val\": \"0x10\"\n"
		   "}\n");
}

static void test_who_sees_what(void **state)
{
	struct km_node *section = km_doc_section(root, "s", "heading"), *hidden;

	(void)state;
	km_doc_field(section, "both", "both", km_v_dec(1));
	km_doc_field(section, "machines", NULL, km_v_dec(2));
	km_doc_field(section, NULL, "people", km_v_dec(3));
	hidden = km_doc_section(section, "hidden", "hidden");
	km_doc_field(hidden, "both", "both", km_v_dec(4));
	km_doc_machine_only(hidden);
	km_doc_field(km_doc_section(section, NULL, "only people"), "both", "both", km_v_dec(5));
	km_doc_machine_only(NULL);
	km_doc_alarm(NULL);
	shows_text("heading\n"
		   "  both:   1\n"
		   "  people: 3\n"
		   "  only people\n"
		   "    both: 5\n");
	shows_json("{\n"
		   "  \"s\": {\n"
		   "    \"both\": 1,\n"
		   "    \"machines\": 2,\n"
		   "    \"hidden\": {\n"
		   "      \"both\": 4\n"
		   "    }\n"
		   "  }\n"
		   "}\n");
}

static struct km_node *steps(void)
{
	struct km_node *table = km_doc_table(root, "steps", NULL);

	km_doc_column(table, "function", "STEP", false);
	km_doc_column(table, "id", NULL, false);
	km_doc_people_column(table, "times", "TIMES", true);
	km_doc_column(table, "why", "REASON", false);
	return table;
}

static void add_step(struct km_node *table, const char *function, uint64_t times, const char *why)
{
	struct km_node *row = km_doc_row(table);

	/* any order will do */
	km_doc_cell(row, "times", km_v_dec(times));
	km_doc_cell(row, "why", km_v_text(why));
	km_doc_cell(row, "function", km_v_text(function));
	km_doc_cell(row, "id", km_v_text("x"));
}

static void test_tables(void **state)
{
	struct km_node *table = steps();

	(void)state;
	add_step(table, "f", 1, "short");
	add_step(table, "fast_page_fault", 100000,
		 "prose that is longer than what is left of the line goes on below itself, in its "
		 "column");
	shows_text("  STEP              TIMES  REASON\n"
		   "  f                     1  short\n"
		   "  fast_page_fault  100000  prose that is longer than what is left of the line\n"
		   "                           goes on below itself, in its column\n");
	shows_json("{\n"
		   "  \"steps\": [\n"
		   "    {\n"
		   "      \"function\": \"f\",\n"
		   "      \"id\": \"x\",\n"
		   "      \"why\": \"short\"\n"
		   "    },\n"
		   "    {\n"
		   "      \"function\": \"fast_page_fault\",\n"
		   "      \"id\": \"x\",\n"
		   "      \"why\": \"prose that is longer than what is left of the line goes on "
		   "below itself, in its column\"\n"
		   "    }\n"
		   "  ]\n"
		   "}\n");
}

static void test_empty_ones(void **state)
{
	(void)state;
	steps();
	km_doc_list(root, "list");
	km_doc_section(root, "section", NULL);
	shows_text("  STEP  TIMES  REASON\n");
	shows_json("{\n"
		   "  \"steps\": [],\n"
		   "  \"list\": [],\n"
		   "  \"section\": {}\n"
		   "}\n");
}

static void test_compact_sections(void **state)
{
	struct km_node *section = km_doc_compact(root, "vm", "VM 0");

	(void)state;
	km_doc_field(section, "comm", "", km_v_text("qemu"));
	km_doc_field(section, "pid", "pid", km_v_dec(1));
	km_doc_field(section, "kvm", "kvm", km_v_hex(0xffff8b6b4312a000));
	km_doc_field(
		section, "words", "a long value",
		km_v_text("that is broken where it does not fit into the line that it begins in"));
	km_doc_note(section, "a note");
	shows_text(
		"VM 0  qemu  pid 1  kvm 0xffff8b6b4312a000\n"
		"  a long value that is broken where it does not fit into the line that it begins\n"
		"  in\n"
		"  a note\n");
}

/* Notes and findings are arrays of their section, wherever they stand in it. */
static void test_arrays_are_gathered(void **state)
{
	struct km_node *f;

	(void)state;
	km_doc_list(root, "findings"); /* there even if it is empty */
	km_doc_note(root, "one");
	f = km_doc_finding(root, "some-id", KM_LIKELY, "it is %d", 1);
	km_doc_point(f, "evidence", "first");
	km_doc_field(f, "advice", "next", km_v_text("look"));
	km_doc_point(f, "evidence", "second");
	km_doc_field(root, "between", "between", km_v_dec(0));
	km_doc_note(root, "two");
	km_doc_finding(root, "other-id", KM_NOTE, "it is 2");
	shows_text("one\n"
		   "! some-id (likely): it is 1\n"
		   "  - first\n"
		   "  next: look\n"
		   "  - second\n"
		   "between: 0\n"
		   "two\n"
		   "! other-id (note): it is 2\n");
	shows_json("{\n"
		   "  \"findings\": [\n"
		   "    {\n"
		   "      \"id\": \"some-id\",\n"
		   "      \"certainty\": \"likely\",\n"
		   "      \"text\": \"it is 1\",\n"
		   "      \"evidence\": [\n"
		   "        \"first\",\n"
		   "        \"second\"\n"
		   "      ],\n"
		   "      \"advice\": \"look\"\n"
		   "    },\n"
		   "    {\n"
		   "      \"id\": \"other-id\",\n"
		   "      \"certainty\": \"note\",\n"
		   "      \"text\": \"it is 2\"\n"
		   "    }\n"
		   "  ],\n"
		   "  \"notes\": [\n"
		   "    \"one\",\n"
		   "    \"two\"\n"
		   "  ],\n"
		   "  \"between\": 0\n"
		   "}\n");
	assert_true(km_document_finds(doc, KM_LIKELY));
	assert_false(km_document_finds(doc, KM_PROVEN));
}

static void test_strings_in_json(void **state)
{
	(void)state;
	km_doc_field(root, "s", "s", km_v_text("\"\\\n\x7f\xc2\x9b\xe2\x80\xae\xc3\xa9\x9b\xff"));
	shows_json(
		"{\n  \"s\": \"\\\"\\\\\\u000a\\u007f\\u009b\\u202e\xc3\xa9\\\\x9b\\\\xff\"\n}\n");
	shows_text("s: \"\\????\xc3\xa9??\n");
}

static void test_color(void **state)
{
	struct km_node *table = km_doc_table(root, "t", NULL), *row;
	char *out;

	(void)state;
	km_doc_field(root, "a", "a", km_v_tone(km_v_text("bad"), KM_TONE_ALARM));
	km_doc_column(table, "id", "ID", false);
	km_doc_column(table, "mark", "MARK", true);
	row = km_doc_row(table);
	km_doc_cell(row, "id", km_v_dec(1));
	km_doc_cell(row, "mark", km_v_tone(km_v_text("!"), KM_TONE_ALARM));
	out = rendered(KM_FORMAT_TEXT, true);
	assert_string_equal(out, "  ID  MARK\n"
				 "  1      \033[1;31m!\033[0m\n"
				 "a:\033[1;31m bad\033[0m\n");
	free(out);
	out = rendered(KM_FORMAT_JSON, true);
	assert_null(strchr(out, '\033'));
	free(out);
}

/* Wherever text of the target may be, in every format: none of it reaches a terminal as it is. */
static void test_no_format_lets_controls_pass(void **state)
{
	static const char evil[] = "e\033[2J\xc2\x9b"
				   "1m\x9b\xe2\x80\xae\xff\n\xe2\x80\xa8";
	struct km_node *section = km_doc_section(root, "s", evil), *table, *row, *f;

	(void)state;
	km_doc_field(section, "f", evil, km_v_text(evil));
	km_doc_field(km_doc_compact(section, "c", evil), "f", evil, km_v_text(evil));
	table = km_doc_table(section, "t", evil);
	km_doc_column(table, "k", evil, true);
	km_doc_column(table, "l", "L", false);
	row = km_doc_row(table);
	km_doc_cell(row, "k", km_v_text(evil));
	km_doc_cell(row, "l", km_v_none(evil));
	km_doc_note(section, "%s", evil);
	f = km_doc_finding(section, "id", KM_NOTE, "%s", evil);
	km_doc_point(f, "p", "%s", evil);
	for (int i = 0; i < KM_FORMATS; i++) {
		char *out = rendered(i, false);
		size_t len = strlen(out), at = 0;

		while (at < len) {
			uint32_t c;

			at += km_utf8_decode(out + at, len - at, &c);
			assert_true(c == '\n' || km_is_printable(c));
		}
		free(out);
	}
}

static void has_defect(const char *expected)
{
	const char *defect = km_document_defect(doc);

	assert_non_null(defect);
	assert_string_equal(defect, expected);
}

static void test_a_row_without_a_cell(void **state)
{
	struct km_node *table = steps(), *row;

	(void)state;
	add_step(table, "f", 1, "whole");
	row = km_doc_row(table);
	km_doc_cell(row, "function", km_v_text("g"));
	km_doc_cell(row, "id", km_v_text("x"));
	km_doc_cell(row, "why", km_v_text("it lacks times"));
	has_defect("table \"steps\": a row lacks its cell \"times\"");
	/* and what it has is where it belongs */
	free(rendered(KM_FORMAT_TEXT, false));
	assert_string_equal(row->row.cells[3].text, "it lacks times");
}

static void test_a_cell_twice(void **state)
{
	struct km_node *table = steps();

	(void)state;
	add_step(table, "f", 1, "whole");
	km_doc_cell(table->last, "id", km_v_text("again"));
	has_defect("table \"steps\": cell \"id\" is given twice");
}

static void test_a_cell_of_no_column(void **state)
{
	struct km_node *table = steps();

	(void)state;
	add_step(table, "f", 1, "whole");
	km_doc_cell(table->last, "STEP", km_v_text("by its header"));
	has_defect("table \"steps\": no column \"STEP\"");
}

static void test_a_late_column(void **state)
{
	struct km_node *table = steps();

	(void)state;
	add_step(table, "f", 1, "whole");
	km_doc_column(table, "late", "LATE", false);
	has_defect("table \"steps\": column \"late\" comes too late");
	free(rendered(KM_FORMAT_TEXT, false));
}

static void test_too_many_columns(void **state)
{
	struct km_node *table = km_doc_table(root, "wide", NULL);

	(void)state;
	for (int i = 0; i < KM_MAX_COLUMNS; i++)
		km_doc_column(table, km_doc_text(root, "c%d", i), "", false);
	assert_null(km_document_defect(doc));
	km_doc_column(table, "more", "", false);
	assert_non_null(km_document_defect(doc));
}

static void test_a_key_twice(void **state)
{
	struct km_node *section = km_doc_section(root, "s", NULL);

	(void)state;
	km_doc_field(section, "a", NULL, km_v_dec(1));
	km_doc_field(section, NULL, "a", km_v_dec(1)); /* for people: no key */
	assert_null(km_document_defect(doc));
	km_doc_section(section, "a", NULL);
	has_defect("\"s\" has \"a\" twice");
}

/* A command that goes on when memory is out must not fall over. */
static void test_nodes_that_are_not_there(void **state)
{
	struct km_node *none = NULL;

	(void)state;
	assert_null(km_doc_section(none, "a", "a"));
	assert_null(km_doc_compact(none, "a", "a"));
	assert_null(km_doc_list(none, "a"));
	assert_null(km_doc_table(none, "a", "a"));
	assert_null(km_doc_row(none));
	assert_null(km_doc_finding(none, "a", KM_NOTE, "a"));
	km_doc_column(none, "a", "a", false);
	km_doc_people_column(none, "a", "a", false);
	km_doc_cell(none, "a", km_v_dec(1));
	km_doc_field(none, "a", "a", km_v_dec(1));
	km_doc_note(none, "a");
	km_doc_point(none, "a", "a");
	km_doc_set_title(none, "a");
	assert_string_equal(km_doc_text(none, "a"), "");
	shows_text("");
}

static void test_what_cannot_be_written(void **state)
{
	FILE *full = fopen("/dev/full", "w");
	const struct km_render_options options = {0};
	km_error *err;

	(void)state;
	assert_non_null(full);
	km_doc_field(root, "a", "a", km_v_dec(1));
	for (int i = 0; i < KM_FORMATS; i++) {
		err = km_render(doc, i, &options, full);
		assert_non_null(err);
		assert_int_equal(km_error_code(err), KM_EWRITE);
		km_error_free(err);
		clearerr(full);
	}
	fclose(full);
}

static void shows_with(enum km_format format, const struct km_render_options *options,
		       const char *expected)
{
	char *out;
	size_t size;
	FILE *file = open_memstream(&out, &size);

	assert_null(km_render(doc, format, options, file));
	fclose(file);
	assert_string_equal(out, expected);
	free(out);
}

/* Words that are longer than a line are broken only if the width is given. */
static void test_width(void **state)
{
	const struct km_render_options narrow = {.width = 20};

	(void)state;
	km_doc_note(root, "a bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb c");
	shows_text("a bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb c\n");
	shows_with(KM_FORMAT_TEXT, &narrow, "a bbbbbbbbbbbbbbbbbb\n  bbbbbbbbbbbb c\n");
}

/* On a terminal, columns that do not fit go on in another line: no number is split. */
static void test_folded_tables(void **state)
{
	const struct km_render_options terminal = {.columns = 24}, wide = {.columns = 36};
	struct km_node *table = km_doc_table(root, "t", NULL), *row;

	(void)state;
	km_doc_column(table, "a", "AAAAAAAAAA", false);
	km_doc_column(table, "machine", NULL, false);
	km_doc_column(table, "b", "BBBBBBBBBB", true);
	km_doc_column(table, "c", "CCCCCCCCCC", false);
	for (unsigned i = 0; i < 2; i++) {
		row = km_doc_row(table);
		km_doc_cell(row, "a", km_v_dec(1));
		km_doc_cell(row, "machine", km_v_dec(123456789012));
		km_doc_cell(row, "b", km_v_dec(2));
		km_doc_cell(row, "c", km_v_text(i ? "" : "3"));
	}
	shows_text("  AAAAAAAAAA  BBBBBBBBBB  CCCCCCCCCC\n"
		   "  1                    2  3\n"
		   "  1                    2\n");
	shows_with(KM_FORMAT_TEXT, &wide,
		   "  AAAAAAAAAA  BBBBBBBBBB  CCCCCCCCCC\n"
		   "  1                    2  3\n"
		   "  1                    2\n");
	shows_with(KM_FORMAT_TEXT, &terminal,
		   "  AAAAAAAAAA  BBBBBBBBBB\n"
		   "      CCCCCCCCCC\n"
		   "  1                    2\n"
		   "      3\n"
		   "  1                    2\n");
}

/* Prose has the width of the terminal. */
static void test_columns(void **state)
{
	const struct km_render_options narrow = {.columns = 20}, wide = {.columns = 100};

	(void)state;
	km_doc_note(root, "a bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb c d");
	shows_with(KM_FORMAT_TEXT, &narrow, "a\n  bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n  c d\n");
	end(NULL);
	begin(NULL);
	km_doc_note(root, "%090d 1 2", 7);
	shows_with(KM_FORMAT_TEXT, &wide,
		   "0000000000000000000000000000000000000000000000000000000000000000000000000000"
		   "00000000000007 1 2\n");
}

static void test_ascii(void **state)
{
	const struct km_render_options ascii = {.ascii = true}, plain = {0};

	(void)state;
	km_doc_note(root, "na\xc3\xafve \xe2\x82\xac");
	shows_with(KM_FORMAT_TEXT, &ascii, "na?ve ?\n");
	shows_with(KM_FORMAT_MARKDOWN, &ascii, "na?ve ?\n");
	shows_with(KM_FORMAT_TEXT, &plain, "na\xc3\xafve \xe2\x82\xac\n");
}

static void test_markdown_escapes_markup(void **state)
{
	static const char *const cases[][2] = {
		{"*a* `b` [c](d) <e> &amp; \\", "\\*a\\* \\`b\\` \\[c](d) \\<e> \\&amp; \\\\\n"},
		{"fast_page_fault() _x_ a_ ~~s~~",
		 "fast_page_fault() \\_x\\_ a\\_ \\~\\~s\\~\\~\n"},
		{"# no heading", "\\# no heading\n"},
		{"- + 1. 2) 3.4 --- > q", "\\- \\+ 1\\. 2\\) 3.4 \\--- \\> q\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		end(NULL);
		begin(NULL);
		km_doc_note(root, "%s", cases[i][0]);
		shows(KM_FORMAT_MARKDOWN, cases[i][1]);
	}
}

/* A table is code: its fence is longer than any run of backticks in it. */
static void test_markdown_fences(void **state)
{
	struct km_node *table = km_doc_table(root, "t", NULL), *row;

	(void)state;
	km_doc_column(table, "k", "K", false);
	row = km_doc_row(table);
	km_doc_cell(row, "k", km_v_text("````"));
	shows(KM_FORMAT_MARKDOWN, "`````text\n  K\n  ````\n`````\n");
}

static void test_html_escapes_text(void **state)
{
	struct km_node *section = km_doc_section(root, "s", "<b>&\"'");
	char *out;

	(void)state;
	km_doc_field(section, "f", "<i>", km_v_text("</dd><script>alert(1)</script>"));
	km_doc_finding(section, "id", KM_LIKELY, "<u>");
	out = rendered(KM_FORMAT_HTML, false);
	assert_null(strstr(out, "<script"));
	assert_null(strstr(out, "<i>"));
	assert_null(strstr(out, "<u>"));
	assert_non_null(strstr(out, "&#60;b&#62;&#38;&#34;&#39;"));
	assert_non_null(strstr(out, "&#60;script&#62;"));
	free(out);
}

static void test_redaction_of_numbers(void **state)
{
	struct km_redaction *r = km_redaction_new();
	uint64_t a, b, entry;

	(void)state;
	a = km_redacted(r, 0x7daee65);
	b = km_redacted(r, 0x7dae000);
	assert_true(a != 0x7daee65);
	assert_int_equal(a & 0xfff, 0xe65);
	assert_int_equal(a & ~0xfffULL, b); /* the same page */
	entry = km_redacted(r, 0x8000000007dae823);
	assert_int_equal(entry, 0x8000000000000000 | b | 0x823);
	assert_int_equal(km_redacted(r, 0xffff888012345678) & 0xffff, 0x5678);
	assert_int_equal(km_redacted(r, 0xffff888012345678) - km_redacted(r, 0xffff888012340000),
			 0x5678);
	assert_true(km_redacted(r, 0xffff888012345678) != 0xffff888012345678);
	assert_int_equal(km_redacted(r, 0xffff), 0xffff); /* too small to be an address */
	km_redaction_keep(r, 0x100000007);
	assert_int_equal(km_redacted(r, 0x100000007), 0x100000007);
	km_redaction_free(r);
}

static void test_redaction_of_text(void **state)
{
	struct km_redaction *r = km_redaction_new();
	struct km_node *s = km_doc_section(root, "s", "VM of qemu");

	(void)state;
	km_redaction_name(r, "qemu");
	km_redaction_name(r, "qemu-worker");
	km_doc_field(s, "f", "f",
		     km_v_text("qemu-worker 0x12345 12345678 qemux gfn 0x12 x0x99999"));
	km_doc_field(s, "c", "c", km_v_text("rd -64 ffff888000012345 1"));
	km_doc_look(s->last, KM_LOOK_COMMAND);
	km_doc_field(s, "g", "g", km_v_text("0000000000000012"));
	km_doc_look(s->last, KM_LOOK_FRAMES);
	km_redact(r, s);
	assert_false(km_redaction_oom(r));
	shows_text("VM of name-2\n  f: name-1 0xa0000345 12345678 qemux gfn 0xa0000 x0x99999\n"
		   "  c: rd -64 ffffa00000002345 1\n  g: 00000000000a0000\n");
	km_redaction_free(r);
}

/* Messages of a kernel log print addresses with and without "0x". */
static void test_redaction_of_messages(void **state)
{
	struct km_redaction *r = km_redaction_new();
	struct km_node *t = km_doc_table(root, "log", NULL), *row;

	(void)state;
	km_doc_look(t, KM_LOOK_LOG);
	km_doc_column(t, "text", "", false);
	row = km_doc_row(t);
	km_doc_cell(row, "text",
		    km_v_text("[   4.123456] feed 0x89ade65 ffff888000012345 level 2 pid 1234567"));
	km_redact(r, t);
	shows_text("  [   4.123456] feed 0xa0000e65 ffffa00000002345 level 2 pid 1234567\n");
	km_redaction_free(r);
}

#define test(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_formats),
		test(test_values),
		test(test_who_sees_what),
		test(test_tables),
		test(test_empty_ones),
		test(test_compact_sections),
		test(test_arrays_are_gathered),
		test(test_strings_in_json),
		test(test_color),
		test(test_no_format_lets_controls_pass),
		test(test_a_row_without_a_cell),
		test(test_a_cell_twice),
		test(test_a_cell_of_no_column),
		test(test_a_late_column),
		test(test_too_many_columns),
		test(test_a_key_twice),
		test(test_nodes_that_are_not_there),
		test(test_what_cannot_be_written),
		test(test_width),
		test(test_folded_tables),
		test(test_columns),
		test(test_ascii),
		test(test_markdown_escapes_markup),
		test(test_markdown_fences),
		test(test_html_escapes_text),
		test(test_redaction_of_numbers),
		test(test_redaction_of_text),
		test(test_redaction_of_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
