// SPDX-License-Identifier: GPL-2.0-or-later
/* libFuzzer target: any text as numbers of an exit, with and without names. */
#include "trace/number_words.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct km_number_words numbers;
	char *text = malloc(len + 1), spelled[256];
	const char *why, *unknown;
	size_t unknown_len;
	bool sure;

	if (!text)
		return 0;
	memcpy(text, data, len);
	text[len] = 0;
	unknown = km_number_words_read(text, &numbers, &unknown_len);
	if (unknown && (unknown < text || unknown + unknown_len > text + strlen(text)))
		abort();
	for (size_t i = 0; i < numbers.count; i++) {
		uint64_t value = numbers.words[i].value;
		enum km_reading reading =
			km_guess_reading(value, (int)numbers.count, len & 1, &why, &sure);

		km_reading_objection(reading, value);
		km_ept_qualification_spell(value, spelled, sizeof(spelled));
		km_vectoring_spell(value, spelled, sizeof(spelled));
		km_tdx_status_name(value);
	}
	free(text);
	return 0;
}
