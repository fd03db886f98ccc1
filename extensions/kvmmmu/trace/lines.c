// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/lines.h"

#include "trace/characters.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NARROW	62 /* the narrowest text that mail programs wrap at, less a little */
#define COLUMNS 79 /* of the narrowest terminal, if the blank at the end was not copied */
#define HEX	"0123456789abcdefABCDEF"

void km_lines_init(struct km_lines *text, FILE *file)
{
	text->file = file;
	text->lines = text->bytes = 0;
	text->at = text->end = 0;
	text->within = false;
	text->encoding = KM_UNREAD;
	text->error = 0;
}

/* --- quoted-printable --- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Return the byte that "=3D" at @at encodes, or -1. */
static int encoded_byte(const char *at)
{
	int high, low;

	if (at[0] != '=' || (high = hex_digit(at[1])) < 0 || (low = hex_digit(at[2])) < 0)
		return -1;
	return high << 4 | low;
}

/*
 * Is this quoted-printable? "=3D" encodes each "=". No trace contains it, because tools print
 * hexadecimal digits in lower case. Blanks at the end and characters other than ASCII are encoded,
 * too.
 */
static bool is_quoted_printable(const char *text, size_t len)
{
	static const char *const marks[] = {"=3D", "=C2=A0", "=EF=BF=BD", "=E2=80", "=1B["};

	if (!memchr(text, '=', len))
		return false;
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		if (strstr(text, marks[i]))
			return true;
	}
	return len >= 3 && !strcmp(text + len - 3, "=20");
}

static void decode_quoted_printable(struct km_line *line)
{
	char *to = line->text;

	for (const char *from = line->text; *from; to++) {
		int byte = encoded_byte(from);

		*to = byte > 0 ? (char)byte : *from;
		from += byte > 0 ? 3 : 1;
	}
	*to = 0;
	line->len = (size_t)(to - line->text);
}

/* --- what web pages and terminals add --- */

/* Return the character of the HTML entity at @at, and its length in *@len; 0 if there is none. */
static char entity(const char *at, size_t *len)
{
	static const struct {
		const char *name;
		char c;
	} entities[] = {{"&lt;", '<'},	 {"&gt;", '>'},	  {"&amp;", '&'},
			{"&quot;", '"'}, {"&nbsp;", ' '}, {"&#160;", ' '},
			{"&#xa0;", ' '}, {"&#39;", '\''}, {"&#x27;", '\''}};

	for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
		*len = strlen(entities[i].name);
		if (!strncasecmp(at, entities[i].name, *len))
			return entities[i].c;
	}
	*len = 0;
	return 0;
}

/* NBSP, U+FFFD, U+2000 to U+200F, U+202F, a byte order mark: return its length at @at, or 0. */
static size_t odd_blank(const unsigned char *at)
{
	if (at[0] == 0xc2 && at[1] == 0xa0)
		return 2;
	if (at[0] == 0xef && at[1] == 0xbf && at[2] == 0xbd)
		return 3;
	if (at[0] == 0xef && at[1] == 0xbb && at[2] == 0xbf)
		return 3;
	if (at[0] != 0xe2 || at[1] != 0x80)
		return 0;
	return (at[2] >= 0x80 && at[2] <= 0x8f) || at[2] == 0xaf ? 3 : 0;
}

/* Quotes and dashes of word processors: the character of ASCII, its length in *@len; or 0. */
static char typographic(const unsigned char *at, size_t *len)
{
	/* U+2010 to U+201F */
	static const char points[] = "------|_''''\"\"\"\"";

	*len = at[0] == 0xe2 && at[1] == 0x80 && at[2] >= 0x90 && at[2] <= 0x9f ? 3 : 0;
	return *len ? points[at[2] - 0x90] : 0;
}

/* Return the length of the UTF-8 character at @at; 0: it is none. */
static size_t utf8(const unsigned char *at)
{
	size_t len = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : at[0] >= 0xc2 ? 2 : 0;

	for (size_t i = 1; i < len; i++) {
		if (at[i] >> 6 != 2)
			return 0;
	}
	return len;
}

/* A byte of Windows-1252: what it is in ASCII; 0: it stays. */
static char windows_1252(unsigned char byte)
{
	switch (byte) {
	case 0x91:
	case 0x92:
		return '\'';
	case 0x93:
	case 0x94:
		return '"';
	case 0x96:
	case 0x97:
		return '-';
	case 0xa0:
		return ' ';
	default:
		return 0;
	}
}

/* A character other than ASCII: what replaces the *@len bytes at @at; 0: they stay. */
static char replacement(const unsigned char *at, size_t *len)
{
	char c = typographic(at, len);

	if (c)
		return c;
	*len = odd_blank(at);
	if (*len)
		return ' ';
	*len = utf8(at);
	if (*len)
		return 0;
	*len = 1;
	return windows_1252(at[0]);
}

/* ESC [ ... letter: return its length at @at, or 0. */
static size_t terminal_escape(const char *at)
{
	size_t len = 2;

	if (at[0] != 0x1b || at[1] != '[')
		return 0;
	len += strspn(at + len, "0123456789;?");
	return at[len] ? len + 1 : len;
}

/* "<pre>", "</code>", "<span class=...>": return its length at @at, or 0. "<4>" and "<...>" stay.
 */
static size_t html_tag(const char *at)
{
	static const char *const tags[] = {"pre", "code", "br", "p",  "div", "span", "tt",
					   "b",	  "font", "tr", "td", "li",  "samp"};
	const char *name = at + 1 + (at[0] == '<' && at[1] == '/'), *end;

	if (at[0] != '<')
		return 0;
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		size_t len = strlen(tags[i]);

		if (strncasecmp(name, tags[i], len) || !strchr(" />", name[len]) || !name[len])
			continue;
		end = strchr(name + len, '>');
		return end ? (size_t)(end + 1 - at) : 0;
	}
	return 0;
}

/* A backslash that Markdown or a tracker's markup needs before "_", "[" and the like. */
static bool is_markup_escape(const char *at)
{
	return at[0] == '\\' && at[1] && strchr("_[]<>*|#-.`=&~(){}!+", at[1]);
}

/* "kBSk": a character that less and man print twice, or "_BSk"; what is left of it starts at @at +
 * 2 */
static bool is_overstruck(const char *at)
{
	return at[0] && at[1] == '\b' && at[2];
}

/* Replace entities, escapes, tags and odd blanks. */
static void replace_oddities(struct km_line *line)
{
	char *to = line->text;

	for (const char *from = line->text; *from;) {
		size_t len = terminal_escape(from);
		char c = ' ';

		if (!len)
			len = html_tag(from);
		if (!len)
			len = is_markup_escape(from);
		if (!len && is_overstruck(from)) {
			from += 2;
			continue;
		}
		if (len) {
			from += len;
			if (from[-1] == '\\')
				*to++ = *from++;
			continue;
		}
		if (*from == '&')
			c = entity(from, &len);
		else if (*from & 0x80)
			c = replacement((const unsigned char *)from, &len);
		if (len && c) {
			*to++ = c;
			from += len;
			continue;
		}
		for (len = len ? len : 1; len; len--, from++)
			*to++ = *from == 0x1b ? ' ' : *from;
	}
	*to = 0;
	line->len = (size_t)(to - line->text);
}

static bool has_other_than_ascii(const char *text, size_t len)
{
	uint64_t high = 0, word;
	size_t i = 0;

	for (; i + sizeof(word) <= len; i += sizeof(word)) {
		memcpy(&word, text + i, sizeof(word));
		high |= word;
	}
	for (; i < len; i++)
		high |= (unsigned char)text[i];
	return high & 0x8080808080808080ULL;
}

static bool has_tag(const char *text)
{
	while ((text = strchr(text, '<'))) {
		if (html_tag(text++))
			return true;
	}
	return false;
}

static bool has_oddities(const struct km_line *line)
{
	return memchr(line->text, '&', line->len) || memchr(line->text, 0x1b, line->len) ||
	       memchr(line->text, '\b', line->len) || memchr(line->text, '\\', line->len) ||
	       has_tag(line->text) || has_other_than_ascii(line->text, line->len);
}

/* --- quotes --- */

/* ">"; at the beginning of a line also "| ", and the "+" of a line that a diff adds */
static bool is_quote_mark(const char *at, bool first)
{
	if (*at == '>')
		return true;
	return first &&
	       (((*at == '|' || *at == '+') && at[1] == ' ') || (*at == '+' && at[1] == '['));
}

/* Return the length of the quote marks at the beginning. */
static size_t quote(const char *text)
{
	size_t at = 0, end = 0;

	for (;;) {
		at += strspn(text + at, " \t");
		if (!is_quote_mark(text + at, !at))
			return end;
		end = ++at;
		if (text[end] == ' ')
			end++;
	}
}

static void trim_end(struct km_line *line)
{
	size_t len = line->len;

	while (len && isspace((unsigned char)line->text[len - 1]))
		len--;
	line->flowed = len && line->len > len && line->text[len] == ' ';
	line->text[len] = 0;
	line->len = len;
}

/* A string of a program: "\"text\\n\",": cut what is around the text. */
static void unquote_string(struct km_line *line)
{
	size_t begin = strspn(line->text, " \t"), end = line->len;
	char mark = line->text[begin];

	if (mark != '"' && mark != '\'')
		return;
	end -= line->text[end - 1] == ',';
	if (end < begin + 4 || line->text[end - 1] != mark)
		return;
	end -= 3; /* without a line feed, it may be part of JSON */
	if (memcmp(line->text + end, "\\n", 2))
		return;
	line->text[end] = 0;
	line->len = end - begin - 1;
	memmove(line->text, line->text + begin + 1, line->len + 1);
}

static void clean(struct km_line *line, bool soft_breaks)
{
	size_t cut;

	line->last_length = line->len;
	if (soft_breaks || is_quoted_printable(line->text, line->len))
		decode_quoted_printable(line);
	if (has_oddities(line))
		replace_oddities(line);
	cut = quote(line->text);
	line->quoted = cut;
	if (cut) {
		line->len -= cut;
		memmove(line->text, line->text + cut, line->len + 1);
	}
	trim_end(line);
	unquote_string(line);
}

void km_lines_clean(struct km_line *line)
{
	line->pieces = 1;
	line->too_long = false;
	clean(line, false);
	line->last_length = 0;
	line->flowed = false;
}

/* --- reading --- */

static void take_piece(struct km_line *line, const char *piece, size_t len)
{
	size_t room = sizeof(line->text) - 1 - line->len;

	if (len > room) {
		len = room;
		line->too_long = true;
	}
	memcpy(line->text + line->len, piece, len);
	for (char *nul; (nul = memchr(line->text + line->len, 0, len));)
		*nul = ' ';
	line->len += len;
	line->text[line->len] = 0;
}

/* A first character of 8 bits in 16 is UTF-16, too. */
static void begin_without_mark(struct km_lines *text)
{
	char first = text->block[0] ? text->block[0] : text->block[1];

	if (!first || first & 0x80)
		return;
	text->encoding = text->block[0] ? KM_UTF16_LE : KM_UTF16_BE;
	text->block[0] = first;
	text->end = 1;
}

/* Begin a file: a byte order mark shows that it is UTF-16, as PowerShell and Notepad write it. */
static void find_encoding(struct km_lines *text)
{
	text->encoding = KM_BYTES;
	text->end = fread(text->block, 1, 2, text->file);
	if (text->end == 2 && !memcmp(text->block, "\xff\xfe", 2))
		text->encoding = KM_UTF16_LE;
	else if (text->end == 2 && !memcmp(text->block, "\xfe\xff", 2))
		text->encoding = KM_UTF16_BE;
	if (text->encoding != KM_BYTES)
		text->end = 0;
	else if (text->end == 2 && (!text->block[0] || !text->block[1]))
		begin_without_mark(text);
}

/* Append a character to the block, as UTF-8; what has no place in 16 bits becomes "?". */
static void put_utf8(struct km_lines *text, unsigned c)
{
	if (c < 0x80) {
		text->block[text->end++] = (char)c;
	} else if (c < 0x800) {
		text->block[text->end++] = (char)(0xc0 | c >> 6);
		text->block[text->end++] = (char)(0x80 | (c & 0x3f));
	} else if (c >= 0xd800 && c < 0xe000) {
		text->block[text->end++] = '?';
	} else {
		text->block[text->end++] = (char)(0xe0 | c >> 12);
		text->block[text->end++] = (char)(0x80 | (c >> 6 & 0x3f));
		text->block[text->end++] = (char)(0x80 | (c & 0x3f));
	}
}

static void fill_from_utf16(struct km_lines *text)
{
	size_t len = fread(text->units, 1, sizeof(text->units), text->file);
	bool low_first = text->encoding == KM_UTF16_LE;

	for (size_t i = 0; i + 1 < len; i += 2)
		put_utf8(text,
			 (unsigned)text->units[i + low_first] << 8 | text->units[i + !low_first]);
}

/* A CR alone ends a line, as old programs and captures of terminals have it. */
static void end_lines_at_cr(char *at, char *end)
{
	while (at < end && (at = memchr(at, '\r', (size_t)(end - at)))) {
		if (at + 1 < end && at[1] != '\n' && at[1] != '\r')
			*at = '\n';
		at++;
	}
}

/* Read the next block if nothing of the last one is left. False at the end of the file. */
static bool fill(struct km_lines *text)
{
	if (text->at < text->end)
		return true;
	text->at = text->end = 0;
	if (text->encoding == KM_UNREAD)
		find_encoding(text);
	if (text->encoding == KM_BYTES)
		text->end += fread(text->block + text->end, 1, sizeof(text->block) - text->end,
				   text->file);
	else
		fill_from_utf16(text);
	if (ferror(text->file))
		text->error = errno;
	end_lines_at_cr(text->block, text->block + text->end);
	return text->end;
}

/*
 * Return the next bytes, @most of them, up to the end of the line or block; NULL at the end of the
 * file.
 */
static const char *next_bytes(struct km_lines *text, size_t most, size_t *len, bool *whole)
{
	const char *from, *end;
	size_t left;

	if (!fill(text))
		return NULL;
	from = text->block + text->at;
	left = text->end - text->at < most ? text->end - text->at : most;
	end = memchr(from, '\n', left);
	*whole = end;
	*len = end ? (size_t)(end - from) : left;
	text->at += *len + *whole;
	text->bytes += *len + *whole;
	return from;
}

/* Read one line of the file; what has no room is the next line. */
static bool read_piece(struct km_lines *text, struct km_line *line)
{
	bool any = false, whole = false;
	const char *from;
	size_t len, room;

	while (!whole && (room = sizeof(line->text) - 1 - line->len) &&
	       (from = next_bytes(text, room, &len, &whole))) {
		any = true;
		take_piece(line, from, len);
	}
	if (line->len && line->text[line->len - 1] == '\r')
		line->text[--line->len] = 0;
	text->lines += any && !text->within;
	text->within = any && !whole;
	return any;
}

/*
 * A soft line break of quoted-printable: "=" at the end of a line as long as it allows (76), or
 * after a character other than a blank. "rsvd bits =" may end a line that was wrapped at 72.
 */
static bool ends_softly(const struct km_line *line)
{
	if (line->len < 40 || line->too_long || line->text[line->len - 1] != '=')
		return false;
	return line->len > 72 || line->text[line->len - 2] != ' ';
}

/* The first byte of the next line; 0 at the end of the file. */
static char peek(struct km_lines *text)
{
	return fill(text) ? text->block[text->at] : 0;
}

/* A reply may quote what was never decoded: "> reas=", "> on KVM_EXIT_UNKNOWN". */
static bool goes_on_quoted(struct km_lines *text, struct km_line *line)
{
	struct km_line *next;

	if (line->text[0] != '>' || peek(text) != '>')
		return false;
	next = &text->piece;
	next->len = 0;
	next->text[0] = 0;
	if (read_piece(text, next))
		take_piece(line, next->text + quote(next->text), next->len - quote(next->text));
	return true;
}

bool km_lines_read(struct km_lines *text, struct km_line *line)
{
	bool soft_breaks = false;

	line->len = 0;
	line->text[0] = 0;
	line->too_long = false;
	line->pieces = 1;
	if (!read_piece(text, line))
		return false;
	line->number = text->lines;
	while (ends_softly(line)) {
		/* "level =", wrapped and quoted, is not a soft break */
		if (line->text[0] == '>' && line->text[line->len - 2] == ' ' && peek(text) == '>')
			break;
		soft_breaks = true;
		line->text[--line->len] = 0;
		if (!goes_on_quoted(text, line) && !read_piece(text, line))
			break;
	}
	clean(line, soft_breaks);
	return true;
}

void km_lines_append(struct km_line *line, const struct km_line *more, bool cut)
{
	const char *rest = km_skip_blanks(more->text);

	if (!cut)
		take_piece(line, " ", 1);
	take_piece(line, rest, strlen(rest));
	line->last_length = more->last_length;
	line->pieces++;
	line->flowed = more->flowed;
	line->quoted = more->quoted;
}

bool km_lines_is_wrapped(const struct km_line *line, const struct km_line *next)
{
	const char *word = km_skip_blanks(next->text);

	if (!*word || !line->len)
		return false;
	return line->flowed || line->pieces > 1 ||
	       line->last_length + 1 + strcspn(word, " \t") > NARROW;
}

bool km_lines_may_be_cut(const struct km_line *line)
{
	return line->last_length >= COLUMNS && !line->flowed;
}

bool km_lines_is_cut(const struct km_line *line, const struct km_line *next)
{
	static const size_t columns[] = {80, 100, 120, 132, 160};

	if (line->last_length == KM_LINE_ROOM - 1) /* by read_piece() */
		return true;
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		if (line->last_length == columns[i])
			return !line->flowed && !line->quoted && next->len &&
			       !isspace((unsigned char)next->text[0]);
	}
	return false;
}

bool km_lines_cuts_number(const struct km_line *line, const struct km_line *next)
{
	const char *word = line->text + line->len, *digits = next->text;
	size_t len;

	while (word > line->text && !isspace((unsigned char)word[-1]) && !strchr("=:(", word[-1]))
		word--;
	digits += *word == '0' && !word[1] && *digits == 'x';
	len = strspn(digits, HEX);
	if (!len || !isdigit((unsigned char)*word) || !strchr(" \t,.:;)", digits[len]))
		return false;
	word += 2 * !strncmp(word, "0x", 2);
	return !word[strspn(word, HEX)];
}
