/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Printing a document. A format is one line in renderers.def and one file with its function. */
#ifndef KVMMMU_RENDER_H
#define KVMMMU_RENDER_H

#include "base/error.h"
#include "document/document.h"

#include <stdio.h>

enum km_format {
#define KM_RENDERER(id, ...) KM_FORMAT_##id,
#include "document/renderers.def"
#undef KM_RENDERER
	KM_FORMATS
};

/* What the reader asks for; all zeros is valid. A renderer ignores what its format does not have.
 */
struct km_render_options {
	bool color;	/* for a terminal: highlight what needs attention */
	bool ascii;	/* text and Markdown: '?' for each character that is not ASCII */
	bool one_line;	/* JSON: the whole answer on one line */
	size_t width;	/* text and Markdown: columns of a line, exactly; 0: 80, where words fit */
	size_t columns; /* text, if width is 0: of the terminal; 0: unknown, tables are not folded
			 */
};

/*
 * Return false if memory ran out. The function of a format need not check for write errors:
 * km_render() does.
 */
typedef bool km_render_fn(const struct km_document *doc, const struct km_render_options *options,
			  FILE *out);

#define KM_RENDERER(id, name, ...) km_render_fn km_render_##name;
#include "document/renderers.def"
#undef KM_RENDERER

struct km_renderer {
	const char *name;   /* "text" */
	const char *media;  /* "text/plain"; all are UTF-8 */
	const char *suffix; /* of file names: ".txt" */
	bool is_text;	    /* --ascii applies */
	km_render_fn *render;
};

const struct km_renderer *km_renderer(enum km_format format);

/* Set *@format to the one called @name; false if there is none. */
bool km_format_parse(const char *name, enum km_format *format);

/*
 * For renderers that print tables as text: print @table as km_render_text() does, with @indent
 * columns before it.
 */
void km_render_text_table(const struct km_node *table, size_t indent,
			  const struct km_render_options *options, FILE *out);

/*
 * Print @doc to @out, wholly or (where @out can seek) not at all. KM_ENOMEM if memory ran out while
 * it was built: then parts are missing. KM_EWRITE if it cannot be written.
 */
km_error *km_render(const struct km_document *doc, enum km_format format,
		    const struct km_render_options *options, FILE *out);

#endif
