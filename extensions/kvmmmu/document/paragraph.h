/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prose in a column of text: words of printable text, filled into lines. */
#ifndef KVMMMU_PARAGRAPH_H
#define KVMMMU_PARAGRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct km_paragraph {
	FILE *out;
	size_t width;  /* columns of a line at most, unless one word is longer */
	bool hard;     /* words that are longer are broken */
	size_t indent; /* of the first line */
	size_t hang;   /* of the others, beyond @indent */
	size_t column; /* where the cursor is; 0: nothing is written yet */
};

/* Go where @columns of text begin: after @space spaces, or in a new line if they do not fit. */
void km_begin_unit(struct km_paragraph *p, size_t columns, size_t space);

/* Write the @len bytes of @word after @space spaces or in a new line. */
void km_put_word(struct km_paragraph *p, const char *word, size_t len, size_t space);

/* Write the words of @text, one space apart. */
void km_put_words(struct km_paragraph *p, const char *text);

/* The same, but the first word goes where the cursor is. */
void km_put_prose(struct km_paragraph *p, const char *text);

/* Write @text where the cursor is, in one line. */
void km_put_unbroken(struct km_paragraph *p, const char *text);

/* Move the cursor to @column if it is left of it. */
void km_put_spaces_to(struct km_paragraph *p, size_t column);

/* End the last line, if anything was written. */
void km_end_paragraph(struct km_paragraph *p);

#endif
