/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of characters and prefixes, for code that examines each byte of a trace. libc's functions
 * need a call for each character or for each word of a table, which took most of the time.
 */
#ifndef KVMMMU_CHARACTERS_H
#define KVMMMU_CHARACTERS_H

#include <stdbool.h>
#include <stddef.h>

static inline bool km_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool km_is_letter(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* As isspace(): blanks and what ends lines. */
static inline bool km_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline const char *km_skip_blanks(const char *at)
{
	while (*at == ' ' || *at == '\t')
		at++;
	return at;
}

/* Return the number of decimal digits at the beginning of @text. */
static inline size_t km_digit_span(const char *text)
{
	const char *end = text;

	while (km_is_digit(*end))
		end++;
	return (size_t)(end - text);
}

/* Does @text begin with @word? */
static inline bool km_begins(const char *text, const char *word)
{
	while (*word && *text == *word) {
		text++;
		word++;
	}
	return !*word;
}

#endif
