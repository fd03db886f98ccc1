/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Read the lines of a file and undo what mail programs, web pages and terminals did to them: decode
 * UTF-16, quoted-printable and HTML entities, remove "> " and terminal escapes, replace NBSP and
 * U+FFFD by blanks, and typographic quotes and dashes by those of ASCII.
 */
#ifndef KVMMMU_LINES_H
#define KVMMMU_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define KM_LINE_ROOM                                                                               \
	4096 /* bytes of a line with its NUL; the rest of a longer one is a line, too */

struct km_line {
	char text[KM_LINE_ROOM];
	size_t len;
	uint64_t number;    /* of its first line in the file, from 1 */
	size_t last_length; /* of the last line of the file that is part of it */
	size_t pieces;	    /* lines of the file that it is made of, but for quoted-printable */
	bool flowed;	    /* ends with a blank, as format=flowed marks a line that continues */
	bool quoted;	    /* began with "> " */
	bool too_long;
};

struct km_lines {
	FILE *file;
	uint64_t lines; /* of the file, read so far */
	uint64_t bytes;
	int error; /* errno, if the file could not be read to its end */
	char block[1 << 16];
	size_t at, end; /* what of the block was not read yet */
	bool within;	/* a line that has no room goes on */
	enum km_encoding { KM_UNREAD, KM_BYTES, KM_UTF16_LE, KM_UTF16_BE } encoding;
	unsigned char units[1 << 14]; /* of UTF-16, before they become UTF-8 */
	struct km_line piece;	      /* a quoted line that continues on the next one */
};

/* Start at the position of @file, which must outlive @text. */
void km_lines_init(struct km_lines *text, FILE *file);

/* Read the next line. Return false at the end of the file and on a read error. */
bool km_lines_read(struct km_lines *text, struct km_line *line);

/*
 * Clean the text of @line, which is not from a file: a whole line, that no other one continues. Its
 * text, length and number are set.
 */
void km_lines_clean(struct km_line *line);

/*
 * Append @more to @line, after one blank; @cut: without it, because a terminal broke the line
 * within a word. What has no room is dropped.
 */
void km_lines_append(struct km_line *line, const struct km_line *more, bool cut);

/*
 * Did a mail program break the line between @line and @next, which has no head of its own? It did
 * if the first word of @next did not fit, that is, if both together are longer than a narrow mail.
 * A line that was broken once is assumed to be broken again.
 */
bool km_lines_is_wrapped(const struct km_line *line, const struct km_line *next);

/*
 * May a terminal have broken the line between @line and @next? It breaks at its last column, which
 * is the 80th or a later one, also within a word.
 */
bool km_lines_may_be_cut(const struct km_line *line);

/*
 * Has @line as many columns as terminals usually have, and does @next begin with a character? The
 * lines of a mail that is quoted are as long by chance.
 */
bool km_lines_is_cut(const struct km_line *line, const struct km_line *next);

/* Is the last word of @line a number, and the first of @next digits that may be the rest of it? */
bool km_lines_cuts_number(const struct km_line *line, const struct km_line *next);

#endif
