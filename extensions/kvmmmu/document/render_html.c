// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One HTML file that needs neither network nor script: light and dark, for screens from 400 pixels
 * on and for paper. Everything that comes from the target goes through km_html_text().
 */
#include "document/html.h"
#include "document/render.h"

static const char style[] =
	":root{--bg:#fbfaf8;--fg:#1f2328;--mut:#5d6066;--card:#fff;--line:#d5d0c8;--red:#a8201a;"
	"--redbg:#fdecea;--grn:#23652f;--amb:#7a5000;--code:#f1eee8;--den:#5a6470;--alw:#dfe5ea}\n"
	"@media(prefers-color-scheme:dark){:root{--bg:#16181b;--fg:#e6e3dd;--mut:#a3a3a3;"
	"--card:#1e2125;--line:#3a3f46;--red:#ff8a80;--redbg:#3a1d1b;--grn:#8fd19e;--amb:#f0c060;"
	"--code:#262a2f;--den:#9aa5b1;--alw:#2d343b}}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,"
	"\"DejaVu Sans\",sans-serif}\n"
	"main{max-width:1080px;margin:0 auto;padding:16px}\n"
	"h1{font-size:21px;line-height:1.3}h2{font-size:18px;margin:28px 0 8px;"
	"border-bottom:1px solid var(--line)}h3{font-size:16px;margin:20px 0 6px}h4,h5,h6{"
	"font-size:15px;margin:16px 0 6px}\n"
	"h1,h2,h3,h4,h5,h6,p,li,dd,dt,td,th,code{overflow-wrap:anywhere}\n"
	"code,.matrix{font-family:\"DejaVu Sans Mono\",monospace;font-size:13px}\n"
	"code{background:var(--code);padding:1px 4px;border-radius:3px}\n"
	"dl{display:grid;grid-template-columns:minmax(90px,190px) minmax(0,1fr);gap:3px 14px;"
	"margin:6px 0}dt{color:var(--mut)}dd{margin:0}\n"
	".alarm{color:var(--red);font-weight:600}.warn{color:var(--amb)}.good{color:var(--grn)}\n"
	".finding{border-left:5px solid var(--red);background:var(--redbg);padding:8px 14px;"
	"margin:10px 0;border-radius:4px}.finding p{margin:4px 0}\n"
	".scroll{overflow-x:auto;max-width:100%}\n"
	"table{border-collapse:collapse;margin:6px 0;font-size:13.5px}"
	"th,td{border-bottom:1px solid var(--line);padding:3px 8px;text-align:left;"
	"vertical-align:top;min-width:3em}td.r,th.r{text-align:right}\n"
	"ol.loop{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,200px),1fr));"
	"gap:10px;list-style:none;padding:0;counter-reset:s}ol.loop li{background:var(--card);"
	"border:1px solid var(--line);border-radius:5px;padding:8px 12px;counter-increment:s}"
	"ol.loop b{display:block}ol.loop b:before{content:counter(s) \". \";color:var(--red)}"
	"ol.loop li:not(:last-child) b:after{content:\" \\2192\";color:var(--red)}"
	"ol.loop li:last-child b:after{content:\" \\21BA\";color:var(--red)}\n"
	"ol.walk{list-style:none;padding:0}ol.walk li{border-left:3px solid var(--line);"
	"padding:4px 10px;margin-left:0}ol.walk li+li{margin-left:14px}ol.walk li+li+li{"
	"margin-left:28px}ol.walk li+li+li+li{margin-left:42px}ol.walk li+li+li+li+li{"
	"margin-left:56px}ol.walk b,ol.walk code{margin-right:8px}"
	"li.wrong{border-color:var(--red)!important;background:var(--redbg)!important}\n"
	"svg{display:block}svg text{font:11px \"DejaVu Sans Mono\",monospace;fill:var(--fg)}"
	"svg .end{text-anchor:end}svg .letter{text-anchor:middle}\n"
	".denied{fill:var(--den);background:var(--den)}.allowed{fill:var(--alw);"
	"background:var(--alw)}rect.differs{fill:var(--redbg);stroke:var(--red)}"
	"rect.fault{stroke:var(--fg);stroke-width:3}\n"
	".key i{display:inline-block;width:12px;height:12px;margin-left:10px}i.differs{border:2px "
	"solid var(--red)}i.fault{border:3px solid "
	"var(--fg)}.key{color:var(--mut);font-size:13px}\n"
	"svg.strip{width:100%;height:auto}svg.strip rect{stroke:var(--bg);stroke-width:1}"
	"svg.strip .mark{fill:var(--red)}.s-ok,.s-mapped{fill:#4c8c5a}.s-read-only{fill:#b08a3c}"
	".s-write-protected{fill:#c9783a}.s-mmio{fill:#7a6bb0}.s-unmapped{fill:var(--alw)}"
	".s-frozen,.s-damaged{fill:#c0392b}.s-unknown{fill:var(--den)}\n"
	"@media(max-width:520px){dl{grid-template-columns:minmax(0,1fr);gap:0}dd{margin:0 0 6px "
	"12px}}"
	"\n@media print{:root{--bg:#fff;--fg:#000;--mut:#444;--card:#fff;--line:#bbb;--red:#a8201a;"
	"--redbg:#fdecea;--grn:#23652f;--amb:#7a5000;--code:#f1eee8;--den:#5a6470;--alw:#dfe5ea}"
	"main{max-width:none;padding:0}body{font-size:12px}.scroll{overflow:visible}table{"
	"font-size:11px}.scroll svg{max-width:100%;height:auto}section.chapter{break-inside:auto}"
	"li,tr,svg{break-inside:avoid}}\n";

/* What is open. */
enum open {
	OPEN_NOTHING,
	OPEN_FIELDS,
	OPEN_POINTS,
};

struct writer {
	FILE *out;
	enum open open;
};

static void close_list(struct writer *w)
{
	static const char *const ends[] = {"", "</dl>\n", "</ul>\n"};

	fputs(ends[w->open], w->out);
	w->open = OPEN_NOTHING;
}

static void open_list(struct writer *w, enum open open)
{
	static const char *const begins[] = {"", "<dl>\n", "<ul>\n"};

	if (w->open == open)
		return;
	close_list(w);
	fputs(begins[open], w->out);
	w->open = open;
}

static const char *class_of(enum km_tone tone)
{
	static const char *const classes[] = {
		[KM_TONE_PLAIN] = "",
		[KM_TONE_GOOD] = " class=\"good\"",
		[KM_TONE_WARN] = " class=\"warn\"",
		[KM_TONE_ALARM] = " class=\"alarm\"",
	};

	return classes[tone];
}

static void put_element(struct writer *w, const char *tag, const char *attributes, const char *text)
{
	fprintf(w->out, "<%s%s>", tag, attributes);
	km_html_text(text, w->out);
	fprintf(w->out, "</%s>\n", tag);
}

static void put_field(struct writer *w, const struct km_node *n)
{
	char buf[KM_VALUE_TEXT];
	const char *text = km_value_text(&n->value, buf);

	if (!*n->title) {
		close_list(w);
		put_element(w, "p", class_of(n->value.tone), text);
		return;
	}
	open_list(w, OPEN_FIELDS);
	put_element(w, "dt", "", n->title);
	if (!km_looks_typed(n)) {
		put_element(w, "dd", class_of(n->value.tone), text);
		return;
	}
	fputs("<dd>", w->out);
	put_element(w, "code", "", text);
	fputs("</dd>\n", w->out);
}

static void put_row(struct writer *w, const struct km_node *table, const struct km_node *row)
{
	const struct km_node *column = table->first;
	char buf[KM_VALUE_TEXT];

	fputs("<tr>", w->out);
	for (unsigned i = 0; i < table->columns; i++, column = column->next) {
		const char *tag = row ? "td" : "th";

		if (!column->people)
			continue;
		fprintf(w->out, "<%s%s%s>", tag, column->right ? " class=\"r\"" : "",
			!row && *column->title ? " scope=\"col\"" : "");
		if (row && row->row.cells[i].tone == KM_TONE_ALARM)
			fputs("<span class=\"alarm\">", w->out);
		km_html_text(row ? km_value_text(&row->row.cells[i], buf) : column->title, w->out);
		if (row && row->row.cells[i].tone == KM_TONE_ALARM)
			fputs("</span>", w->out);
		fprintf(w->out, "</%s>", tag);
	}
	fputs("</tr>\n", w->out);
}

static void put_table(struct writer *w, const struct km_node *table)
{
	close_list(w);
	if (table->title)
		put_element(w, "p", "", table->title);
	if (km_html_picture(table, w->out) || !km_html_row(table, NULL))
		return;
	fprintf(w->out, "<div class=\"scroll\"><table%s>\n<thead>",
		table->look == KM_LOOK_MATRIX ? " class=\"matrix\"" : "");
	put_row(w, table, NULL);
	fputs("</thead>\n<tbody>\n", w->out);
	for (const struct km_node *row = km_html_row(table, NULL); row;
	     row = km_html_row(table, row))
		put_row(w, table, row);
	fputs("</tbody>\n</table></div>\n", w->out);
}

static void put_children(struct writer *w, const struct km_node *parent, unsigned depth);

static void put_section(struct writer *w, const struct km_node *n, unsigned depth)
{
	close_list(w);
	fputs(n->look == KM_LOOK_CHAPTER ? "<section class=\"chapter\">\n" : "<div>\n", w->out);
	if (n->title) {
		fprintf(w->out, "<h%u%s>", depth < 6 ? depth : 6, class_of(n->value.tone));
		km_html_text(n->title, w->out);
		fprintf(w->out, "</h%u>\n", depth < 6 ? depth : 6);
	}
	put_children(w, n, n->title ? depth + 1 : depth);
	fputs(n->look == KM_LOOK_CHAPTER ? "</section>\n" : "</div>\n", w->out);
}

static void put_finding(struct writer *w, const struct km_node *n, unsigned depth)
{
	close_list(w);
	fputs("<div class=\"finding\">\n<p><b>", w->out);
	km_html_text(n->key, w->out);
	fprintf(w->out, "</b> (%s): ", km_certainty_text(n->certainty));
	km_html_text(n->value.text, w->out);
	fputs("</p>\n", w->out);
	put_children(w, n, depth);
	fputs("</div>\n", w->out);
}

static void put_node(struct writer *w, const struct km_node *n, unsigned depth)
{
	switch (n->kind) {
	case KM_N_SECTION:
		put_section(w, n, depth);
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
		if (n->key)
			open_list(w, OPEN_POINTS);
		else
			close_list(w);
		put_element(w, n->key ? "li" : "p", "", n->value.text);
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
	close_list(w);
}

bool km_render_html(const struct km_document *doc, const struct km_render_options *options,
		    FILE *out)
{
	struct writer w = {out, OPEN_NOTHING};
	const struct km_node *root = km_document_root(doc);
	const char *title = root->title ? root->title : "kvmmmu";

	(void)options;
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n",
	      out);
	put_element(&w, "title", "", title);
	fprintf(out, "<style>\n%s</style>\n</head>\n<body>\n<main>\n", style);
	put_element(&w, "h1", "", title);
	put_children(&w, root, 2);
	fputs("</main>\n</body>\n</html>\n", out);
	return true;
}
