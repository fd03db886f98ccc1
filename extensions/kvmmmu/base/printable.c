// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/printable.h"

#include <string.h>

/* Bytes of the sequence that begins with @lead, and the smallest character it may encode. */
static size_t sequence_length(unsigned char lead, uint32_t *smallest)
{
	if (lead >= 0xf0 && lead <= 0xf4) {
		*smallest = 0x10000;
		return 4;
	}
	if (lead >= 0xe0 && lead <= 0xef) {
		*smallest = 0x800;
		return 3;
	}
	*smallest = 0x80;
	return lead >= 0xc2 && lead <= 0xdf ? 2 : 0;
}

static bool is_scalar(uint32_t c, uint32_t smallest)
{
	return c >= smallest && c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff);
}

size_t km_utf8_decode(const char *text, size_t len, uint32_t *c)
{
	const unsigned char *bytes = (const unsigned char *)text;
	uint32_t smallest, value;
	size_t count;

	*c = bytes[0];
	if (bytes[0] < 0x80)
		return 1;
	*c = KM_NOT_UTF8;
	count = sequence_length(bytes[0], &smallest);
	if (!count || count > len)
		return 1;
	value = bytes[0] & (0x7f >> count);
	for (size_t i = 1; i < count; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 1;
		value = value << 6 | (bytes[i] & 0x3f);
	}
	if (!is_scalar(value, smallest))
		return 1;
	*c = value;
	return count;
}

bool km_is_printable(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{0, 0x1f},	  /* C0 */
		{0x7f, 0x9f},	  /* DEL, C1 */
		{0x61c, 0x61c},	  /* Arabic letter mark */
		{0x200e, 0x200f}, /* left-to-right and right-to-left marks */
		{0x2028, 0x202e}, /* separators, bidirectional embeddings and overrides */
		{0x2066, 0x2069}, /* bidirectional isolates */
		{KM_NOT_UTF8, KM_NOT_UTF8},
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (c >= ranges[i].first && c <= ranges[i].last)
			return false;
	}
	return true;
}

/* Bytes at the start of @text that may be written as they are. */
static size_t printable_bytes(const char *text, size_t len)
{
	size_t at = 0, bytes;
	uint32_t c;

	for (; at < len; at += bytes) {
		bytes = km_utf8_decode(text + at, len - at, &c);
		if (!km_is_printable(c))
			break;
	}
	return at;
}

void km_put_printable(const char *text, size_t len, FILE *out)
{
	size_t at = 0;
	uint32_t c;

	while (at < len) {
		size_t bytes = printable_bytes(text + at, len - at);

		fwrite(text + at, 1, bytes, out);
		at += bytes;
		if (at < len) {
			fputc('?', out);
			at += km_utf8_decode(text + at, len - at, &c);
		}
	}
}

size_t km_printable_width(const char *text, size_t len)
{
	size_t width = 0;
	uint32_t c;

	for (size_t bytes; len; len -= bytes, width++) {
		bytes = km_utf8_decode(text, len, &c);
		text += bytes;
	}
	return width;
}

void km_print_error(const char *text, FILE *out)
{
	fputs("kvmmmu: ", out);
	km_put_printable(text, strlen(text), out);
	fputc('\n', out);
}
