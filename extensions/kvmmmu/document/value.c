// SPDX-License-Identifier: GPL-2.0-or-later
#include "document/value.h"

#include <inttypes.h>
#include <stdio.h>

static const char *spell(const char *fmt, uint64_t number, char buf[KM_VALUE_TEXT])
{
	snprintf(buf, KM_VALUE_TEXT, fmt, number);
	return buf;
}

const char *km_value_text(const struct km_value *value, char buf[KM_VALUE_TEXT])
{
	if (value->text)
		return value->text;
	switch (value->kind) {
	case KM_V_NONE:
	case KM_V_TEXT:
		return "-";
	case KM_V_DEC:
		return spell("%" PRIu64, value->number, buf);
	case KM_V_SIGNED:
		return spell("%" PRId64, value->number, buf);
	case KM_V_HEX:
		return spell("0x%" PRIx64, value->number, buf);
	case KM_V_BOOL:
		return value->number ? "yes" : "no";
	}
	return "-";
}

struct km_value km_v_val(struct km_val val, enum km_value_kind kind)
{
	switch (val.known) {
	case KM_KNOWN:
		return (struct km_value){.kind = kind, .number = val.v};
	case KM_UNREADABLE:
		return km_v_none("?");
	case KM_ABSENT:
		return km_v_none("-");
	}
	return km_v_none("?");
}
