// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/error.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

struct km_error {
	enum km_errc code;
	char *text;
};

/* An error "out of memory" was made, or no error could be made. */
static bool exhausted;

static km_error out_of_memory = {.code = KM_ENOMEM, .text = "out of memory"};

km_error *km_errorf(enum km_errc code, const char *fmt, ...)
{
	km_error *err = malloc(sizeof(*err));
	va_list ap;
	int len;

	exhausted |= !err || code == KM_ENOMEM;
	if (!err)
		return &out_of_memory;
	va_start(ap, fmt);
	len = vasprintf(&err->text, fmt, ap);
	va_end(ap);
	if (len < 0) {
		exhausted = true;
		free(err);
		return &out_of_memory;
	}
	err->code = code;
	return err;
}

km_error *km_error_context(km_error *err, const char *fmt, ...)
{
	char *context, *text;
	va_list ap;
	int len;

	if (!err || err == &out_of_memory)
		return err;
	va_start(ap, fmt);
	len = vasprintf(&context, fmt, ap);
	va_end(ap);
	if (len < 0)
		return err;
	if (asprintf(&text, "%s: %s", context, err->text) >= 0) {
		free(err->text);
		err->text = text;
	}
	free(context);
	return err;
}

bool km_memory_exhausted(void)
{
	bool before = exhausted;

	exhausted = false;
	return before;
}

enum km_errc km_error_code(const km_error *err)
{
	return err->code;
}

const char *km_error_text(const km_error *err)
{
	return err->text;
}

void km_error_free(km_error *err)
{
	if (!err || err == &out_of_memory)
		return;
	free(err->text);
	free(err);
}
