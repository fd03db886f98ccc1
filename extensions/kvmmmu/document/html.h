/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parts of the HTML renderer: safe text, and pictures of tables (SVG). */
#ifndef KVMMMU_HTML_H
#define KVMMMU_HTML_H

#include "document/document.h"

#include <stdio.h>

/* Write @text as it has to be in an element or a quoted attribute. */
void km_html_text(const char *text, FILE *out);

/* Return what people read in column @key of @row, in @buf if a number is spelled; "" if none. */
const char *km_html_cell(const struct km_node *row, const char *key, char buf[KM_VALUE_TEXT]);

/* Set *@number to the number in column @key of @row. Return false if there is none. */
bool km_html_number(const struct km_node *row, const char *key, uint64_t *number);

/* Return the row after @row of @table, the first one after NULL; NULL: there is none. */
const struct km_node *km_html_row(const struct km_node *table, const struct km_node *row);

/* Draw the table by its look. Return false if it has to be printed as a table instead. */
bool km_html_picture(const struct km_node *table, FILE *out);

#endif
