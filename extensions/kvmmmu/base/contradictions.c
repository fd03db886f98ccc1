// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/contradictions.h"

#include <stdarg.h>
#include <stdio.h>

void km_contradict(struct km_contradictions *list, const char *fmt, ...)
{
	va_list ap;

	if (list->count == KM_CONTRADICTIONS)
		return;
	va_start(ap, fmt);
	vsnprintf(list->text[list->count++], sizeof(list->text[0]), fmt, ap);
	va_end(ap);
}

void km_contradictions_merge(struct km_contradictions *list, const struct km_contradictions *more)
{
	for (size_t i = 0; i < more->count; i++)
		km_contradict(list, "%s", more->text[i]);
}
