// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/certainty.h"

#include <string.h>

static const char *const texts[] = {
	[KM_NOTE] = "note",
	[KM_POSSIBLE] = "possible",
	[KM_LIKELY] = "likely",
	[KM_PROVEN] = "proven",
};

const char *km_certainty_text(enum km_certainty certainty)
{
	return texts[certainty];
}

bool km_certainty_parse(const char *word, enum km_certainty *certainty)
{
	for (int i = KM_NOTE; i <= KM_PROVEN; i++) {
		if (!strcmp(word, texts[i])) {
			*certainty = i;
			return true;
		}
	}
	return false;
}
