// SPDX-License-Identifier: GPL-2.0-or-later
#include "audit/anomaly.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct km_audit_text km_audit_texts[KM_AUDIT_KINDS] = {
#define KM_AUDIT(scope, name, id, certainty, moment, means, legal)                                 \
	[KM_A_##name] = {id, KM_SCOPE_##scope, certainty, KM_MOMENT_##moment, means, legal},
#include "audit/kinds.def"
#undef KM_AUDIT
};

bool km_audit_kind_find(const char *id, enum km_audit_kind *kind)
{
	for (int i = 0; i < KM_AUDIT_KINDS; i++) {
		if (strcmp(km_audit_texts[i].id, id))
			continue;
		*kind = (enum km_audit_kind)i;
		return true;
	}
	return false;
}

void km_anomaly_says(struct km_anomaly *a, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(a->what, sizeof(a->what), fmt, args);
	va_end(args);
}
