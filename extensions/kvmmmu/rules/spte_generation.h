/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which generation of kernels wrote an SPTE, if its kernel is not known: a generation is excluded
 * by a bit that it never sets, or by one that it always sets. Mirrors make_spte(),
 * make_nonleaf_spte() and make_mmio_spte() of arch/x86/kvm/mmu/spte.c.
 */
#ifndef KVMMMU_SPTE_GENERATION_H
#define KVMMMU_SPTE_GENERATION_H

#include "rules/spte.h"

/*
 * Can this generation have written @spte at @level (0: not known)? If not, print why into @why, as
 * the rest of "7.2 ...": "never sets bits 57, 58". 160 bytes are enough. @why may be NULL. Address
 * bits never exclude a generation, because memory encryption uses them, too.
 */
bool km_spte_fits(enum km_paging paging, enum km_spte_generation generation, uint64_t spte,
		  int level, char *why, size_t size);

/*
 * The bits of @spte, MMU-present at @level (0: not known), that a kernel with these masks never
 * sets in such an entry, leaf or not; *@missing: those that it always sets and that are clear.
 * Address bits never count.
 */
uint64_t km_spte_foreign_bits(const struct km_spte_masks *masks, uint64_t spte, int level,
			      uint64_t *missing);

/* Print "bit 57" or "bits 57, 58 and 62" into @buf; 80 bytes are enough for 18 bits. */
void km_spte_print_bits(uint64_t bits, char *buf, size_t size);

/* The generation for an SPTE of an unknown kernel: the newest that fits; false if none does. */
bool km_spte_find_generation(enum km_paging paging, uint64_t spte, int level,
			     enum km_spte_generation *generation);

/*
 * The physical address bits (44 or 46) of the L1TF mitigation that an MMIO SPTE of EPT shows: the
 * five highest of them are set. 0: it shows none.
 */
unsigned km_mmio_spte_l1tf_bits(const struct km_spte_masks *masks, uint64_t spte);

#endif
