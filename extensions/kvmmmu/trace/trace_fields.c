// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/trace_fields.h"

#include <string.h>

enum class { PLAIN, BLANK, MARK, JOINT };

/* What a character does: ends a word, ends the name in it, or shows that it has no name. */
static const uint8_t classes[256] = {
	[' '] = BLANK, ['\t'] = BLANK, [','] = BLANK, [';'] = BLANK, ['='] = MARK,
	[':'] = MARK,  ['('] = MARK,   ['|'] = JOINT, ['/'] = JOINT,
};

static enum class class_of(char c) { return (enum class)classes[(unsigned char)c]; }

/* Reads one word; returns what is behind it. */
static const char *read_word(const char *text, struct km_trace_word *word)
{
	bool looks = true;

	word->at = text;
	word->mark = 0;
	for (; *text && class_of(*text) != BLANK; text++) {
		enum class c = class_of(*text);

		if (!looks || c == PLAIN || text == word->at)
			continue;
		looks = false;
		if (c == MARK)
			word->mark = (size_t)(text - word->at);
	}
	word->len = (size_t)(text - word->at);
	return text;
}

void km_trace_fields_read(const char *text, struct km_trace_fields *fields)
{
	fields->count = 0;
	fields->raw = fields->kernel_base = false;
	while (fields->count < KM_TRACE_WORDS) {
		while (class_of(*text) == BLANK)
			text++;
		if (!*text)
			return;
		text = read_word(text, &fields->words[fields->count++]);
	}
}

static bool is_one_of(const char *at, size_t len, const char *const *names)
{
	for (; *names; names++) {
		const char *name = *names;
		size_t i = 0;

		while (i < len && name[i] == at[i])
			i++;
		if (i == len && !name[i])
			return true;
	}
	return false;
}

/* The letters that the names begin with, as bits: most words begin with none of them. */
static uint32_t initials(const char *const *names)
{
	uint32_t bits = 0;

	for (; *names; names++)
		bits |= 1u << (**names & 31);
	return bits;
}

/* Without what a call or a sentence puts behind a value. */
static struct km_trace_word bare(struct km_trace_word word)
{
	while (word.len && strchr(").", word.at[word.len - 1]))
		word.len--;
	return word;
}

static bool is_sign(struct km_trace_word word)
{
	return word.len == 1 && (*word.at == '=' || *word.at == ':');
}

struct km_trace_word km_trace_field(const struct km_trace_fields *f, const char *const *names)
{
	uint32_t letters = initials(names);

	for (size_t i = 0; i < f->count; i++) {
		struct km_trace_word word = f->words[i];
		size_t name = word.mark ? word.mark : word.len;

		if (!(letters & 1u << (*word.at & 31)) || !is_one_of(word.at, name, names))
			continue;
		if (word.mark && word.mark + 1 < word.len)
			return bare((struct km_trace_word){
				.at = word.at + name + 1, .len = word.len - name - 1, .mark = 1});
		if (i + 1 < f->count && is_sign(f->words[i + 1]))
			i++;
		if (i + 1 == f->count)
			break;
		word = bare(f->words[i + 1]);
		word.mark = f->words[i].mark != 0;
		return word;
	}
	return (struct km_trace_word){.at = ""};
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
}

static bool number(const char *at, size_t len, unsigned base, size_t most, uint64_t *value)
{
	uint64_t sum = 0;

	if (!len || len > most)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned d = (unsigned)digit(at[i]);

		if (d >= base)
			return false;
		sum = sum * base + d;
	}
	*value = sum;
	return true;
}

bool km_trace_word_hex(struct km_trace_word word, uint64_t *value)
{
	if (word.len > 2 && word.at[0] == '0' && (word.at[1] == 'x' || word.at[1] == 'X'))
		return number(word.at + 2, word.len - 2, 16, 16, value);
	return number(word.at, word.len, 16, 16, value);
}

bool km_trace_hex(const struct km_trace_fields *f, const char *const *names, uint64_t *value)
{
	struct km_trace_word word = km_trace_field(f, names);

	if (f->raw && !f->kernel_base && word.mark && number(word.at, word.len, 10, 20, value))
		return true;
	return km_trace_word_hex(word, value);
}

bool km_trace_decimal(const struct km_trace_fields *f, const char *const *names, uint64_t *value)
{
	struct km_trace_word word = km_trace_field(f, names);

	return number(word.at, word.len, 10, 18, value);
}

bool km_trace_word_is(struct km_trace_word word, const char *text)
{
	return word.len == strlen(text) && !memcmp(word.at, text, word.len);
}
