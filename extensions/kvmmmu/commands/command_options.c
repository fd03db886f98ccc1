// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/command_options.h"

#include <stdlib.h>
#include <string.h>

km_error *km_parse_hex(const char *word, const char *what, uint64_t *value)
{
	const char *digits = word;
	char *end;

	if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X'))
		digits += 2;
	*value = strtoull(digits, &end, 16);
	if (!*digits || strlen(digits) > 16 ||
	    strspn(digits, "0123456789abcdefABCDEF") != strlen(digits))
		return km_errorf(KM_EUSAGE, "%s \"%s\" is not a 64-bit hexadecimal number", what,
				 word);
	return NULL;
}

bool km_parse_decimal(const char *word, uint64_t *value)
{
	if (!*word || strlen(word) > 9 || strspn(word, "0123456789") != strlen(word))
		return false;
	*value = strtoull(word, NULL, 10);
	return true;
}
