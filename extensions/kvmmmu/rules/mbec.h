/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Separate execute rights for user and supervisor addresses of the guest, since the MBEC series
 * (7.2): Intel's mode-based execute control (EPT bits XS and XU) and AMD's guest mode execute trap
 * (NPT's U bit, as SMEP uses it). Both are the bit cr4_smep in the role of the tables, as in
 * mmu_has_mbec(). Nothing else answers whether they are on.
 */
#ifndef KVMMMU_MBEC_H
#define KVMMMU_MBEC_H

#include "rules/spte.h"

/* Does EPT bit 10 (XU) decide fetches from user addresses? @cr4_smep is the role's. */
static inline bool km_has_mbec(enum km_paging paging, bool cr4_smep)
{
	return paging == KM_PAGING_EPT && cr4_smep;
}

/* Does NPT bit 2 (U) decide supervisor fetches, and nothing else? */
static inline bool km_has_gmet(enum km_paging paging, bool cr4_smep)
{
	return paging == KM_PAGING_NPT && cr4_smep;
}

#endif
