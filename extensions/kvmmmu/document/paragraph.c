// SPDX-License-Identifier: GPL-2.0-or-later
#include "document/paragraph.h"

#include "base/printable.h"

#include <string.h>

static void put_spaces(struct km_paragraph *p, size_t count)
{
	fprintf(p->out, "%*s", (int)count, "");
	p->column += count;
}

static void put_bytes(struct km_paragraph *p, const char *text, size_t len)
{
	km_put_printable(text, len, p->out);
	p->column += km_printable_width(text, len);
}

void km_begin_unit(struct km_paragraph *p, size_t columns, size_t space)
{
	if (!p->column) {
		put_spaces(p, p->indent);
	} else if (p->column + space + columns > p->width) {
		fputc('\n', p->out);
		p->column = 0;
		put_spaces(p, p->indent + p->hang);
	} else {
		put_spaces(p, space);
	}
}

/* Return the bytes of @word, of @len, that fill at most @columns. */
static size_t fitting(const char *word, size_t len, size_t columns)
{
	size_t bytes = 0;
	uint32_t c;

	while (bytes < len && columns--)
		bytes += km_utf8_decode(word + bytes, len - bytes, &c);
	return bytes;
}

void km_put_word(struct km_paragraph *p, const char *word, size_t len, size_t space)
{
	size_t before = p->indent + p->hang;
	size_t room = p->hard && p->width > before ? p->width - before : 0;

	while (room && km_printable_width(word, len) > room) {
		size_t part = fitting(word, len, room);

		km_begin_unit(p, room, space);
		put_bytes(p, word, part);
		word += part;
		len -= part;
	}
	km_begin_unit(p, km_printable_width(word, len), space);
	put_bytes(p, word, len);
}

void km_put_words(struct km_paragraph *p, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, " ");

		if (len)
			km_put_word(p, text, len, 1);
		text += len + (text[len] == ' ');
	}
}

void km_put_prose(struct km_paragraph *p, const char *text)
{
	size_t len = strcspn(text, " ");

	if (p->hard && p->column + km_printable_width(text, len) > p->width)
		km_put_word(p, text, len, 0);
	else
		put_bytes(p, text, len);
	km_put_words(p, text + len);
}

void km_put_unbroken(struct km_paragraph *p, const char *text)
{
	put_bytes(p, text, strlen(text));
}

void km_put_spaces_to(struct km_paragraph *p, size_t column)
{
	if (p->column < column)
		put_spaces(p, column - p->column);
}

void km_end_paragraph(struct km_paragraph *p)
{
	if (p->column)
		fputc('\n', p->out);
	p->column = 0;
}
