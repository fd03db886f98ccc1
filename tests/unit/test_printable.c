// SPDX-License-Identifier: GPL-2.0-or-later
/* Text from the target, as it may reach a terminal. */
#include "cm.h"
#include "base/printable.h"

#include <stdlib.h>
#include <string.h>

static void prints(const char *text, const char *expected)
{
	char *out;
	size_t size;
	FILE *file = open_memstream(&out, &size);

	km_put_printable(text, strlen(text), file);
	fclose(file);
	assert_string_equal(out, expected);
	assert_int_equal(km_printable_width(text, strlen(text)),
			 km_printable_width(expected, strlen(expected)));
	free(out);
}

static void test_letters_pass(void **state)
{
	(void)state;
	prints("", "");
	prints("qemu-system-x86 (deleted) ~", "qemu-system-x86 (deleted) ~");
	prints("\xc2\xa0\xc3\xa9\xe6\x97\xa5\xf0\x9f\x90\xa7",
	       "\xc2\xa0\xc3\xa9\xe6\x97\xa5\xf0\x9f\x90\xa7");
	prints("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf",
	       "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf");
	assert_int_equal(km_printable_width("\xc3\xa9\xe6\x97\xa5", 5), 2);
}

static void test_controls_do_not(void **state)
{
	(void)state;
	prints("a\033[31mb\nc\td\x7f", "a?[31mb?c?d?");
	prints("\xc2\x80\xc2\x9b"
	       "31m\xc2\x9f",
	       "??31m?");			      /* C1 */
	prints("a\xe2\x80\xa8\xe2\x80\xa9z", "a??z"); /* U+2028, U+2029 */
}

static void test_nothing_reorders_a_line(void **state)
{
	/* every one that the Unicode Bidirectional Algorithm knows */
	static const char *const controls[] = {
		"\xd8\x9c",	"\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xaa",
		"\xe2\x80\xab", "\xe2\x80\xac", "\xe2\x80\xad", "\xe2\x80\xae",
		"\xe2\x81\xa6", "\xe2\x81\xa7", "\xe2\x81\xa8", "\xe2\x81\xa9",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(controls); i++)
		prints(controls[i], "?");
	/* and their neighbours pass */
	prints("\xd8\x9b\xd8\x9d\xe2\x80\x90\xe2\x80\xaf\xe2\x81\xaa",
	       "\xd8\x9b\xd8\x9d\xe2\x80\x90\xe2\x80\xaf\xe2\x81\xaa");
}

static void test_what_is_not_utf8_is_replaced(void **state)
{
	(void)state;
	prints("a\x9b"
	       "1m\xff\xfe",
	       "a?1m??");
	prints("\xc3", "?"); /* cut */
	prints("\xe6\x97", "??");
	prints("\xe6\x97z", "??z");
	prints("\xc0\xaf\xc1\xbf", "????"); /* longer than need be */
	prints("\xe0\x80\xaf", "???");
	prints("\xf0\x80\x80\xaf", "????");
	prints("\xed\xa0\x80", "???");	    /* a surrogate */
	prints("\xf4\x90\x80\x80", "????"); /* beyond U+10FFFF */
	prints("\xf5\x80\x80\x80", "????");
	prints("\xc3\xa9\xa9", "\xc3\xa9?");
}

/* Any bytes at all: what comes out is valid and printable, and as wide as was said. */
static void test_any_bytes(void **state)
{
	uint32_t random = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char text[16], *out;
		size_t size, at = 0, width = 0;
		FILE *file = open_memstream(&out, &size);

		for (size_t i = 0; i < sizeof(text); i++) {
			random = random * 1103515245 + 12345;
			text[i] = (char)(random >> 16);
		}
		km_put_printable(text, sizeof(text), file);
		fclose(file);
		for (; at < size; width++) {
			uint32_t c;

			at += km_utf8_decode(out + at, size - at, &c);
			assert_true(km_is_printable(c));
		}
		assert_int_equal(width, km_printable_width(text, sizeof(text)));
		free(out);
	}
}

static void test_an_error_is_one_line(void **state)
{
	char *out;
	size_t size;
	FILE *file = open_memstream(&out, &size);

	(void)state;
	km_print_error("no VM \"\033]0;x\a\": two\nlines", file);
	fclose(file);
	assert_string_equal(out, "kvmmmu: no VM \"?]0;x?\": two?lines\n");
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_letters_pass),
		cmocka_unit_test(test_controls_do_not),
		cmocka_unit_test(test_nothing_reorders_a_line),
		cmocka_unit_test(test_what_is_not_utf8_is_replaced),
		cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_an_error_is_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
