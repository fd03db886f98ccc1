// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/val.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *km_val_spell(struct km_val val, bool hex, char buf[KM_VAL_TEXT])
{
	if (!km_is_known(val))
		return strcpy(buf, "?");
	snprintf(buf, KM_VAL_TEXT, hex ? "0x%" PRIx64 : "%" PRIu64, val.v);
	return buf;
}
