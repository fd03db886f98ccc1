// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/spte_fit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BITS(high, low) (((high) == 63 ? 0 : KM_BIT((high) + 1)) - KM_BIT(low))
#define ADDRESS		BITS(51, 12)
#define PRESENT		KM_BIT(11)
#define PAGE_SIZE_BIT	KM_BIT(7)
#define EPT_RWX		7ULL
#define SUPPRESS_VE	KM_BIT(63)
#define NX		KM_BIT(63)

static const struct km_fit_format formats[KM_FITS] = {
	[KM_FIT_EPT_5_10] = {"ept:5.10", "up to 5.12", KM_PAGING_EPT, false, 0},
	[KM_FIT_EPT_6_1] = {"ept:6.1", "5.13 to 6.9", KM_PAGING_EPT, true, KM_SPTE_6_1},
	[KM_FIT_EPT_6_12] = {"ept:6.12", "6.10 to 7.1", KM_PAGING_EPT, true, KM_SPTE_6_1},
	[KM_FIT_EPT_7_2] = {"ept:7.2", "7.2 and later", KM_PAGING_EPT, true, KM_SPTE_7_2},
	[KM_FIT_NPT_5_10] = {"npt:5.10", "up to 5.12", KM_PAGING_NPT, false, 0},
	[KM_FIT_NPT_6_1] = {"npt:6.1", "5.13 to 7.1", KM_PAGING_NPT, true, KM_SPTE_6_1},
	[KM_FIT_NPT_7_2] = {"npt:7.2", "7.2 and later", KM_PAGING_NPT, true, KM_SPTE_7_2},
};

const struct km_fit_format *km_fit_format(enum km_fit fit)
{
	return &formats[fit];
}

/*
 * Bits that make_spte() and make_nonleaf_spte() may set, and those that they always set. A/D type:
 * bits 53:52, from 7.2 on 61:60. Saved rights: 54 and 56; from 7.2 on 52, 54 and 62.
 */
static const struct format_bits {
	uint64_t leaf, leaf_always, table, table_always;
} format_bits[KM_FITS] = {
	[KM_FIT_EPT_5_10] = {EPT_RWX | BITS(11, 3) | ADDRESS | BITS(53, 52) | KM_BIT(54) |
				     KM_BIT(56),
			     0, EPT_RWX | KM_BIT(8) | ADDRESS | BITS(53, 52), EPT_RWX},
	[KM_FIT_EPT_6_1] = {EPT_RWX | BITS(9, 3) | PRESENT | ADDRESS | BITS(53, 52) | KM_BIT(54) |
				    KM_BIT(56) | BITS(58, 57),
			    PRESENT, EPT_RWX | KM_BIT(8) | PRESENT | ADDRESS | BITS(53, 52),
			    EPT_RWX | PRESENT},
	[KM_FIT_EPT_6_12] = {EPT_RWX | BITS(9, 3) | PRESENT | ADDRESS | BITS(53, 52) | KM_BIT(54) |
				     KM_BIT(56) | BITS(58, 57) | SUPPRESS_VE,
			     PRESENT | SUPPRESS_VE,
			     EPT_RWX | KM_BIT(8) | PRESENT | ADDRESS | BITS(53, 52) | SUPPRESS_VE,
			     EPT_RWX | PRESENT | SUPPRESS_VE},
	[KM_FIT_EPT_7_2] = {EPT_RWX | BITS(10, 3) | PRESENT | ADDRESS | BITS(55, 52) |
				    BITS(62, 60) | SUPPRESS_VE,
			    PRESENT | SUPPRESS_VE,
			    EPT_RWX | KM_BIT(8) | KM_BIT(10) | PRESENT | ADDRESS | BITS(61, 60) |
				    SUPPRESS_VE,
			    EPT_RWX | PRESENT | SUPPRESS_VE},
	[KM_FIT_NPT_5_10] = {BITS(2, 0) | BITS(7, 5) | BITS(11, 8) | ADDRESS | BITS(53, 52) | NX, 1,
			     BITS(2, 0) | KM_BIT(5) | ADDRESS | BITS(53, 52), 7},
	[KM_FIT_NPT_6_1] = {BITS(2, 0) | BITS(7, 5) | BITS(11, 8) | ADDRESS | BITS(53, 52) | NX,
			    1 | PRESENT, BITS(2, 0) | KM_BIT(5) | PRESENT | ADDRESS | BITS(53, 52),
			    7 | PRESENT},
	[KM_FIT_NPT_7_2] = {BITS(2, 0) | BITS(7, 5) | BITS(11, 8) | ADDRESS | BITS(61, 60) | NX,
			    1 | PRESENT, BITS(2, 0) | KM_BIT(5) | PRESENT | ADDRESS | BITS(61, 60),
			    7 | PRESENT},
};

static bool is_leaf(uint64_t spte, int level)
{
	return level <= PG_LEVEL_4K || (spte & PAGE_SIZE_BIT);
}

/* The lowest bit of @bits, or -1. */
static int lowest(uint64_t bits)
{
	return bits ? __builtin_ctzll(bits) : -1;
}

static const char *missing_text(enum km_fit fit, int bit)
{
	if (bit == 11)
		return "the MMU-present bit (5.13 and later)";
	if (bit == 63)
		return "suppress #VE, which EPT entries have since 6.10";
	return formats[fit].paging == KM_PAGING_EPT ? "a right that every table entry has"
						    : "P, W or U, which every table entry has";
}

static const char *extra_text(enum km_fit fit, int bit, bool leaf)
{
	bool ept = formats[fit].paging == KM_PAGING_EPT;

	if (bit == 11)
		return "the MMU-present bit, which kernels before 5.13 do not have";
	if (bit >= 52 && bit <= 62)
		return "not a software bit of these kernels";
	if (bit == 63)
		return "bit 63 of EPT entries is clear before 6.10";
	if (!leaf)
		return ept ? "reserved in EPT table entries"
			   : "a bit that KVM never sets in table entries here";
	return ept ? "a bit that KVM never sets here" : "PWT or PCD, which KVM never sets here";
}

struct km_fit_reason km_fit_check(enum km_fit fit, uint64_t spte, int level)
{
	const struct format_bits *bits = &format_bits[fit];
	bool leaf = is_leaf(spte, level);
	int missing = lowest((leaf ? bits->leaf_always : bits->table_always) & ~spte);
	int extra = lowest(spte & ~(leaf ? bits->leaf : bits->table));

	if (extra >= 0)
		return (struct km_fit_reason){extra, false, extra_text(fit, extra, leaf)};
	if (missing >= 0)
		return (struct km_fit_reason){missing, true, missing_text(fit, missing)};
	/* EPT pages of memory have a memory type; 0 (uncached) is that of devices */
	if (leaf && formats[fit].paging == KM_PAGING_EPT) {
		unsigned type = (spte >> 3) & 7;

		if (type == 2 || type == 3 || type == 7)
			return (struct km_fit_reason){3, false, "no memory type"};
		if (spte & KM_BIT(6) && type != 0 && type != 6)
			return (struct km_fit_reason){
				6, false, "\"ignore PAT\", which KVM sets with WB and UC only"};
	}
	return (struct km_fit_reason){-1, false, NULL};
}

bool km_fit_is_mapped(uint64_t spte)
{
	uint64_t low = spte & ~SUPPRESS_VE;

	if (!(spte & ADDRESS) || low == 0x5a0 || low == 0x1a0)
		return false;
	return spte & (PRESENT | 1);
}

unsigned km_fit_formats(uint64_t spte, int level)
{
	unsigned fits = 0;

	if (!km_fit_is_mapped(spte))
		return KM_FIT_ALL;
	for (int fit = 0; fit < KM_FITS; fit++) {
		if (km_fit_check((enum km_fit)fit, spte, level).bit < 0)
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

static bool ept_illegal(uint64_t spte, bool leaf, char *text, size_t size)
{
	unsigned type = (spte >> 3) & 7;

	if ((spte & 3) == 2) {
		snprintf(text, size, "W without R: an EPT misconfiguration");
		return true;
	}
	if (leaf && (type == 2 || type == 3 || type == 7)) {
		snprintf(text, size, "memory type %u does not exist: an EPT misconfiguration",
			 type);
		return true;
	}
	if (!leaf && (spte & BITS(6, 3))) {
		snprintf(text, size,
			 "bits 6:3 are reserved in a table entry: an EPT "
			 "misconfiguration");
		return true;
	}
	return false;
}

bool km_fit_illegal(uint64_t spte, enum km_paging paging, int level, char *text, size_t size)
{
	bool leaf = is_leaf(spte, level);

	if (level > PG_LEVEL_1G && (spte & PAGE_SIZE_BIT)) {
		snprintf(text, size, "bit 7: no pages of level %d exist", level);
		return true;
	}
	if (leaf && level > PG_LEVEL_4K) {
		uint64_t low = BITS(11 + 9 * (level - 1), paging == KM_PAGING_EPT ? 12 : 13);

		if (spte & low) {
			snprintf(text, size, "address bits 0x%" PRIx64 " below the page's size",
				 spte & low);
			return true;
		}
	}
	if (paging == KM_PAGING_EPT)
		return ept_illegal(spte, leaf, text, size);
	return false;
}
