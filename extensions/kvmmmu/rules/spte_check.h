/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries that the processor rejects independent of the access: reserved bits and EPT
 * misconfigurations. SDM 29.3.3.1 "EPT Misconfigurations" and 4.5, APM 5.3.
 */
#ifndef KVMMMU_SPTE_CHECK_H
#define KVMMMU_SPTE_CHECK_H

#include "rules/spte.h"

/* Is the combination of rights and memory type an EPT misconfiguration? @leaf: it maps a page. */
bool km_is_ept_misconfig(uint64_t spte, bool leaf);

/*
 * The bits of KVM's reserved-bit masks that the processor checks, too, at @level. Not those of
 * me_mask; without EPT, not NX, bit 7 of a 1 GiB entry, and, under shadow paging, bit 8.
 */
uint64_t km_hw_rsvd_mask(const struct km_spte_masks *masks, enum km_paging paging, int level);

/*
 * Print why the processor rejects @spte at @level, a present entry for it, into @why; return false
 * if it does not, as far as known. @rsvd are KVM's reserved bits for such tables, which include
 * those beyond MAXPHYADDR; NULL: only what is reserved on every machine is checked. 160 bytes are
 * enough.
 */
bool km_spte_is_illegal(const struct km_spte_masks *masks, const struct km_rsvd_bits *rsvd,
			uint64_t spte, int level, char *why, size_t size);

/* The number of physical address bits that the page frame of @spte needs. */
unsigned km_spte_address_bits(const struct km_spte_masks *masks, uint64_t spte);

#endif
