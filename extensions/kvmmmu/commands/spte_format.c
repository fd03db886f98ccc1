// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/spte_format.h"

#include <string.h>

static const struct format {
	const char *name;
	enum km_paging paging;
	enum km_spte_generation generation;
} formats[] = {
#define ROW(...)	   {__VA_ARGS__},
#define ROWS(name, paging) KM_FORMATS_OF_PAGING(ROW, name, paging)
	KM_FORMAT_PAGINGS(ROWS)
#undef ROWS
#undef ROW
};

km_error *km_parse_format(const char *name, struct km_spte_masks *masks)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (!strcmp(formats[i].name, name)) {
			*masks = km_spte_default_masks(formats[i].paging, formats[i].generation);
			if (!strncmp(name, "ept-noad", strlen("ept-noad")))
				km_spte_masks_without_ad(masks);
			return NULL;
		}
	}
	return km_errorf(KM_EUSAGE, "unknown SPTE format \"%s\"; the formats are: %s", name,
			 KM_FORMAT_WORDS);
}
