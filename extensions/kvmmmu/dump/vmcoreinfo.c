// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/vmcoreinfo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool km_vmcoreinfo_line(const char *text, const char *key, char *value, size_t size)
{
	size_t len = strlen(key);

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, len) && line[len] == '=') {
			snprintf(value, size, "%.*s", (int)strcspn(line + len + 1, "\n"),
				 line + len + 1);
			return true;
		}
	}
	return false;
}

static bool number_line(const char *text, const char *kind, const char *name, int base,
			uint64_t *value)
{
	char key[128], word[64], *end;

	snprintf(key, sizeof(key), "%s(%s)", kind, name);
	if (!km_vmcoreinfo_line(text, key, word, sizeof(word)))
		return false;
	*value = word[0] == '-' ? (uint64_t)strtoll(word, &end, base) : strtoull(word, &end, base);
	return end != word;
}

bool km_vmcoreinfo_symbol(const char *text, const char *name, uint64_t *value)
{
	return number_line(text, "SYMBOL", name, 16, value);
}

bool km_vmcoreinfo_number(const char *text, const char *name, uint64_t *value)
{
	return number_line(text, "NUMBER", name, 0, value);
}
