/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The formats of SPTEs that a trace or log may have: each kind of page table of each generation.
 * rules/spte_generation decides which of them an SPTE fits.
 */
#ifndef KVMMMU_SPTE_FIT_H
#define KVMMMU_SPTE_FIT_H

#include "rules/spte.h"

enum km_fit {
	KM_FIT_EPT_4_18,
	KM_FIT_EPT_5_10,
	KM_FIT_EPT_6_1,
	KM_FIT_EPT_6_12,
	KM_FIT_EPT_7_2,
	KM_FIT_NPT_4_18, /* NPT, and shadow paging with 64-bit entries */
	KM_FIT_NPT_5_10,
	KM_FIT_NPT_6_1,
	KM_FIT_NPT_7_2,
	KM_FITS,
};

#define KM_FIT_ALL ((1u << KM_FITS) - 1)

struct km_fit_format {
	const char *name;    /* "ept:6.12", as --as takes it */
	const char *kernels; /* "6.10 to 7.1" */
	enum km_paging paging;
	enum km_spte_generation generation;
};

const struct km_fit_format *km_fit_format(enum km_fit fit);

/*
 * Can KVM of this format have written @spte at @level (0: not known, assumed to be a leaf)? If not,
 * print why into @why, as the rest of "that KVM ...": "never sets bits 57 and 58". 160 bytes are
 * enough; @why may be NULL. An entry that is not mapped fits every format.
 */
bool km_fit_fits(enum km_fit fit, uint64_t spte, int level, char *why, size_t size);

/* The formats, as bits 1 << KM_FIT_*, that @spte at @level fits. */
unsigned km_fit_formats(uint64_t spte, int level);

/* Is it present in any format, taken by itself: neither empty, frozen nor only MMIO? */
bool km_fit_is_mapped(uint64_t spte);

/*
 * Append to @text the bits of @bits with what they are in an entry of this paging at @level:
 * "63 (NX), 51:48 (address)". 160 bytes are enough.
 */
void km_fit_bits_text(uint64_t bits, enum km_paging paging, int level, char *text, size_t size);

#endif
