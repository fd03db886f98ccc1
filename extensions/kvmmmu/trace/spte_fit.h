/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which kernels can have made an SPTE: for each format of page table and each generation of
 * software bits, the bit that excludes it. For SPTEs of unknown hosts.
 */
#ifndef KVMMMU_SPTE_FIT_H
#define KVMMMU_SPTE_FIT_H

#include "rules/spte.h"

enum km_fit {
	KM_FIT_EPT_5_10,
	KM_FIT_EPT_6_1,
	KM_FIT_EPT_6_12,
	KM_FIT_EPT_7_2,
	KM_FIT_NPT_5_10, /* NPT, and shadow paging with 64-bit entries */
	KM_FIT_NPT_6_1,
	KM_FIT_NPT_7_2,
	KM_FITS,
};

#define KM_FIT_ALL ((1u << KM_FITS) - 1)

struct km_fit_format {
	const char *name;    /* "ept:6.12", as --as takes it */
	const char *kernels; /* "6.10 to 7.1" */
	enum km_paging paging;
	bool has_masks;			    /* below; none before the MMU-present bit */
	enum km_spte_generation generation; /* for km_spte_default_masks() */
};

const struct km_fit_format *km_fit_format(enum km_fit fit);

/* What excludes a format: a bit that it never sets, or one that it always sets. */
struct km_fit_reason {
	int bit; /* -1: the format is not excluded */
	bool missing;
	const char *text; /* what the bit is to the format */
};

/*
 * Can KVM of this format have made @spte at @level, a present entry (not MMIO, not frozen)? Level
 * 0: not known, taken for a leaf. The masks of memory encryption are unknown: address bits never
 * exclude.
 */
struct km_fit_reason km_fit_check(enum km_fit fit, uint64_t spte, int level);

/* The formats, as bits 1 << KM_FIT_*, that @spte does not exclude. KM_FIT_ALL if it is not present
 * in any. */
unsigned km_fit_formats(uint64_t spte, int level);

/* Is it present in any format, taken by itself: neither empty, frozen nor only MMIO? */
bool km_fit_is_mapped(uint64_t spte);

/*
 * Appends to @text the bits of @bits with what they are in an entry of this paging at @level:
 * "63 (NX), 51:48 (address)". 160 bytes are enough.
 */
void km_fit_bits_text(uint64_t bits, enum km_paging paging, int level, char *text, size_t size);

/*
 * Why the processor finds the present entry illegal whatever the machine, into @text; false if it
 * is legal as far as that can be known without the width of physical addresses.
 */
bool km_fit_illegal(uint64_t spte, enum km_paging paging, int level, char *text, size_t size);

#endif
