// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/spte_fit.h"

#include "rules/spte_generation.h"

#include <stdio.h>
#include <string.h>

#define ADDRESS	    (KM_BIT(52) - KM_BIT(12))
#define PRESENT	    KM_BIT(11)
#define SUPPRESS_VE KM_BIT(63)
#define IGNORE_PAT  KM_BIT(6)
#define TYPE_UC	    0
#define TYPE_WB	    6

static const struct km_fit_format formats[KM_FITS] = {
	[KM_FIT_EPT_4_18] = {"ept:4.18", "up to about 5.2", KM_PAGING_EPT, KM_SPTE_4_18},
	[KM_FIT_EPT_5_10] = {"ept:5.10", "about 5.3 to 5.12", KM_PAGING_EPT, KM_SPTE_5_10},
	[KM_FIT_EPT_6_1] = {"ept:6.1", "5.13 to 6.9", KM_PAGING_EPT, KM_SPTE_6_1},
	[KM_FIT_EPT_6_12] = {"ept:6.12", "6.10 to 7.1", KM_PAGING_EPT, KM_SPTE_6_12},
	[KM_FIT_EPT_7_2] = {"ept:7.2", "7.2 and later", KM_PAGING_EPT, KM_SPTE_7_2},
	[KM_FIT_NPT_4_18] = {"npt:4.18", "up to about 5.2", KM_PAGING_NPT, KM_SPTE_4_18},
	[KM_FIT_NPT_5_10] = {"npt:5.10", "about 5.3 to 5.12", KM_PAGING_NPT, KM_SPTE_5_10},
	/* 6.10 changed only EPT */
	[KM_FIT_NPT_6_1] = {"npt:6.1", "5.13 to 7.1", KM_PAGING_NPT, KM_SPTE_6_1},
	[KM_FIT_NPT_7_2] = {"npt:7.2", "7.2 and later", KM_PAGING_NPT, KM_SPTE_7_2},
};

const struct km_fit_format *km_fit_format(enum km_fit fit)
{
	return &formats[fit];
}

bool km_fit_is_mapped(uint64_t spte)
{
	uint64_t low = spte & ~SUPPRESS_VE;

	if (!(spte & ADDRESS) || low == 0x5a0 || low == 0x1a0)
		return false;
	return spte & (PRESENT | 1);
}

/*
 * The memory type of an EPT leaf distinguishes it from an entry of other tables, which have other
 * bits there. KVM sets "ignore PAT" together with write-back and uncached memory only.
 */
static const char *wrong_memory_type(uint64_t spte, int level)
{
	unsigned type = spte >> 3 & 7;

	if (level && !km_is_last_spte(spte, level))
		return NULL;
	if (type == 2 || type == 3 || type == 7)
		return "never sets bits 5 to 3 to a reserved memory type";
	if (spte & IGNORE_PAT && type != TYPE_UC && type != TYPE_WB)
		return "sets bit 6 (ignore PAT) with memory types WB and UC only";
	return NULL;
}

bool km_fit_fits(enum km_fit fit, uint64_t spte, int level, char *why, size_t size)
{
	const struct km_fit_format *format = &formats[fit];
	const char *wrong;

	if (!km_fit_is_mapped(spte))
		return true;
	if (!km_spte_fits(format->paging, format->generation, spte, level, why, size))
		return false;
	wrong = format->paging == KM_PAGING_EPT ? wrong_memory_type(spte, level) : NULL;
	if (wrong && why)
		snprintf(why, size, "%s", wrong);
	return !wrong;
}

unsigned km_fit_formats(uint64_t spte, int level)
{
	unsigned fits = 0;

	for (int fit = 0; fit < KM_FITS; fit++) {
		if (km_fit_fits((enum km_fit)fit, spte, level, NULL, 0))
			fits |= 1u << fit;
	}
	return fits;
}

/* --- words for people --- */

static const char *bit_text(int bit, enum km_paging paging, int level)
{
	static const char *const ept[12] = {
		"R",	      "W",	   "X", "memory type", "memory type", "memory type",
		"ignore PAT", "page size", "A", "D",	       "XU",	      "MMU-present"};
	static const char *const x86[12] = {"P",   "W",	       "U",	   "PWT",
					    "PCD", "A",	       "D",	   "page size",
					    "G",   "software", "software", "MMU-present"};

	if (bit == 63)
		return paging == KM_PAGING_EPT ? "suppress #VE" : "NX";
	if (bit >= 52)
		return "software";
	if (bit >= 12 && bit < 12 + 9 * (level - 1))
		return "below the page's size";
	if (bit >= 12)
		return "address";
	return paging == KM_PAGING_EPT ? ept[bit] : x86[bit];
}

void km_fit_bits_text(uint64_t bits, enum km_paging paging, int level, char *text, size_t size)
{
	for (int bit = 63; bit >= 0; bit--) {
		int low = bit;
		const char *what = bit_text(bit, paging, level);
		size_t len = strlen(text);

		if (!(bits & KM_BIT(bit)))
			continue;
		while (low && (bits & KM_BIT(low - 1)) &&
		       !strcmp(bit_text(low - 1, paging, level), what))
			low--;
		if (len + 40 > size)
			return;
		if (low < bit)
			snprintf(text + len, size - len, "%s%d:%d (%s)", len ? ", " : "", bit, low,
				 what);
		else
			snprintf(text + len, size - len, "%s%d (%s)", len ? ", " : "", bit, what);
		bit = low;
	}
}
