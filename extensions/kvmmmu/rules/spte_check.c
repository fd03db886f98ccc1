// SPDX-License-Identifier: GPL-2.0-or-later
#include "rules/spte_check.h"

#include <inttypes.h>
#include <stdio.h>

#define EPT_R	   KM_BIT(0)
#define EPT_W	   KM_BIT(1)
#define EPT_RWX	   0x7ULL
#define PS	   KM_BIT(7)
#define NX	   KM_BIT(63)
#define PAT_LARGE  KM_BIT(12)
#define PAGE_SHIFT 12

static unsigned memory_type(uint64_t spte)
{
	return spte >> 3 & 7;
}

static bool bad_memory_type(uint64_t spte)
{
	unsigned type = memory_type(spte);

	return type == 2 || type == 3 || type == 7;
}

bool km_is_ept_misconfig(uint64_t spte, bool leaf)
{
	if ((spte & (EPT_R | EPT_W)) == EPT_W)
		return true;
	return leaf && bad_memory_type(spte);
}

uint64_t km_hw_rsvd_mask(const struct km_spte_masks *masks, enum km_paging paging, int level)
{
	uint64_t mask = ~masks->me_mask;

	if (paging == KM_PAGING_EPT)
		return mask;
	mask &= ~NX;
	if (level == PG_LEVEL_1G)
		mask &= ~PS;
	if (paging == KM_PAGING_SHADOW)
		mask &= ~KM_BIT(8);
	return mask;
}

/* Address bits of a large page that are below its size. */
static uint64_t below_size(enum km_paging paging, int level)
{
	uint64_t bits = KM_BIT(PAGE_SHIFT + 9 * (level - 1)) - KM_BIT(PAGE_SHIFT);

	return paging == KM_PAGING_EPT ? bits : bits & ~PAT_LARGE;
}

/* Bits that are reserved on every machine. */
static uint64_t always_reserved(enum km_paging paging, uint64_t spte, int level)
{
	uint64_t reserved = 0;

	if (level > PG_LEVEL_1G)
		reserved |= PS;
	else if (level > PG_LEVEL_4K && (spte & PS))
		return below_size(paging, level);
	if (paging == KM_PAGING_EPT && level > PG_LEVEL_4K)
		reserved |= 0x78;
	return reserved;
}

static bool ept_is_illegal(uint64_t spte, bool leaf, char *why, size_t size)
{
	if ((spte & EPT_RWX) == EPT_W || (spte & EPT_RWX) == (EPT_RWX & ~EPT_R)) {
		snprintf(why, size,
			 "W without R (bits 2:0 = %s): an EPT misconfiguration, every access exits "
			 "with EPT_MISCONFIG",
			 spte & KM_BIT(2) ? "110b" : "010b");
		return true;
	}
	if (leaf && bad_memory_type(spte)) {
		snprintf(why, size,
			 "memory type %u (bits 5:3) is reserved: an EPT misconfiguration, every "
			 "access exits with EPT_MISCONFIG",
			 memory_type(spte));
		return true;
	}
	return false;
}

bool km_spte_is_illegal(const struct km_spte_masks *masks, const struct km_rsvd_bits *rsvd,
			uint64_t spte, int level, char *why, size_t size)
{
	bool ept = masks->paging == KM_PAGING_EPT;
	uint64_t reserved;

	why[0] = '\0';
	if (!(spte & (ept ? EPT_RWX : 1)))
		return false; /* not present for the processor */
	if (ept && ept_is_illegal(spte, !level || km_is_last_spte(spte, level), why, size))
		return true;
	reserved = spte & always_reserved(masks->paging, spte, level);
	if (rsvd)
		reserved |= km_rsvd_spte(masks, rsvd, spte, level, NULL) &
			    km_hw_rsvd_mask(masks, masks->paging, level);
	if (!reserved)
		return false;
	snprintf(why, size, "reserved bits 0x%" PRIx64 " are set at level %d: %s", reserved, level,
		 ept ? "an EPT misconfiguration, every access exits with EPT_MISCONFIG"
		     : "every access is a page fault with RSVD");
	return true;
}

unsigned km_spte_address_bits(const struct km_spte_masks *masks, uint64_t spte)
{
	uint64_t address = spte & masks->base_addr_mask & ~masks->me_mask;

	return address ? 64 - __builtin_clzll(address) : 0;
}
