// SPDX-License-Identifier: GPL-2.0-or-later
#include "rules/spte_generation.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define X86_P_W_U   0x7ULL
#define X86_A	    KM_BIT(5)
#define X86_D	    KM_BIT(6)
#define PS	    KM_BIT(7)
#define EPT_RWX	    0x7ULL
#define EPT_MT_IPAT 0x78ULL
#define EPT_A_D	    0x300ULL
#define EPT_XU	    KM_BIT(10)
#define BIT63	    KM_BIT(63) /* NX; EPT: suppress #VE */
#define W	    KM_BIT(1)

/* The bits that a present entry may have, and those that it always has. */
struct bits {
	uint64_t may, must;
};

static struct bits table_bits(const struct km_spte_masks *masks)
{
	const struct km_spte_layout *layout = masks->layout;
	uint64_t always = layout->mmu_present_mask | masks->me_value;
	uint64_t ad = (uint64_t)layout->tdp_ad_mask << layout->tdp_ad_shift;

	if (masks->paging != KM_PAGING_EPT)
		return (struct bits){X86_P_W_U | X86_A | always | ad, X86_P_W_U | always};
	always |= EPT_RWX | masks->xu | masks->present;
	return (struct bits){always | masks->accessed | ad, always};
}

static struct bits leaf_bits(const struct km_spte_masks *masks, uint64_t spte)
{
	const struct km_spte_layout *layout = masks->layout;
	uint64_t always = layout->mmu_present_mask;
	uint64_t software = masks->host_writable | masks->mmu_writable |
			    (uint64_t)layout->tdp_ad_mask << layout->tdp_ad_shift;

	if (km_spte_ad(masks, spte) == KM_AD_DISABLED)
		software |= layout->acc_track_saved_mask << layout->acc_track_saved_shift;
	if (masks->paging != KM_PAGING_EPT)
		return (struct bits){X86_P_W_U | X86_A | X86_D | PS | BIT63 | always | software,
				     1 | always};
	always |= masks->present;
	return (struct bits){EPT_RWX | EPT_MT_IPAT | PS | EPT_A_D | masks->xu | always | software,
			     always};
}

void km_spte_print_bits(uint64_t bits, char *buf, size_t size)
{
	int count = __builtin_popcountll(bits), left = count;
	size_t used = snprintf(buf, size, "bit%s", count == 1 ? "" : "s");

	for (int bit = 0; bit < 64 && used < size; bit++) {
		if (!(bits & KM_BIT(bit)))
			continue;
		used += snprintf(buf + used, size - used, "%s%d",
				 left == count ? " "
				 : left == 1   ? " and "
					       : ", ",
				 bit);
		left--;
	}
}

static const char *must_text(const struct km_spte_masks *masks, uint64_t missing)
{
	bool ve = masks->paging == KM_PAGING_EPT && (missing & BIT63);

	if (missing & masks->layout->mmu_present_mask)
		return ve ? " (MMU-present, and suppress #VE)" : " (MMU-present)";
	return ve ? " (suppress #VE)" : "";
}

/* Rules of make_spte() over several bits of a leaf; NULL: they hold. */
static const char *contradiction(const struct km_spte_masks *masks, uint64_t spte)
{
	bool host = spte & masks->host_writable, mmu = spte & masks->mmu_writable;

	if (km_spte_ad(masks, spte) == KM_AD_INVALID)
		return "does not use this A/D type";
	if (mmu && !host)
		return "does not set MMU-writable without host-writable";
	if ((spte & W) && !mmu)
		return "does not set W without MMU-writable";
	if (masks->paging == KM_PAGING_EPT && !(spte & (EPT_RWX | masks->xu)) &&
	    !km_is_access_track_spte(masks, spte))
		return "does not clear R, W and X unless it tracks accesses";
	return NULL;
}

uint64_t km_spte_foreign_bits(const struct km_spte_masks *masks, uint64_t spte, int level,
			      uint64_t *missing)
{
	bool leaf = !level || km_is_last_spte(spte, level);
	struct bits bits = leaf ? leaf_bits(masks, spte) : table_bits(masks);

	if (leaf && km_is_access_track_spte(masks, spte))
		bits.must &= ~masks->acc_track;
	*missing = bits.must & ~spte;
	return spte & ~(bits.may | bits.must | masks->base_addr_mask | masks->me_mask);
}

static bool present_fits(const struct km_spte_masks *masks, uint64_t spte, int level, char *why,
			 size_t size)
{
	uint64_t missing, extra = km_spte_foreign_bits(masks, spte, level, &missing);
	bool leaf = !level || km_is_last_spte(spte, level);
	const char *text = leaf ? contradiction(masks, spte) : NULL;
	char list[80];

	if (extra) {
		km_spte_print_bits(extra, list, sizeof(list));
		snprintf(why, size, "never sets %s", list);
	} else if (missing) {
		km_spte_print_bits(missing, list, sizeof(list));
		snprintf(why, size, "always sets %s%s", list, must_text(masks, missing));
	} else if (text) {
		snprintf(why, size, "%s", text);
	}
	return !extra && !missing && !text;
}

static bool is_frozen_anywhere(enum km_paging paging, uint64_t spte)
{
	for (int i = 0; i < KM_SPTE_GENERATIONS; i++) {
		struct km_spte_masks masks =
			km_spte_default_masks(paging, (enum km_spte_generation)i);

		if (km_is_frozen_spte(&masks, spte))
			return true;
	}
	return false;
}

bool km_spte_fits(enum km_paging paging, enum km_spte_generation generation, uint64_t spte,
		  int level, char *why, size_t size)
{
	struct km_spte_masks masks = km_spte_default_masks(paging, generation);
	char unused[160];

	if (!why) {
		why = unused;
		size = sizeof(unused);
	}
	why[0] = '\0';
	if (!spte || km_is_frozen_spte(&masks, spte))
		return true;
	if (is_frozen_anywhere(paging, spte) && masks.layout->frozen) {
		snprintf(why, size, "uses 0x%llx for frozen SPTEs",
			 masks.layout->frozen | (masks.layout->frozen_any_bit63 ? 0 : BIT63));
		return false;
	}
	if (spte == BIT63) {
		snprintf(why, size, "does not use this value for entries without a translation");
		return masks.layout->ept_suppress_ve;
	}
	if (masks.layout->mmu_present_mask & spte)
		return present_fits(&masks, spte, level, why, size);
	if (km_is_mmio_spte(&masks, spte))
		return true;
	/* without the MMU-present bit, present_fits() explains what is wrong */
	return present_fits(&masks, spte, level, why, size);
}

bool km_spte_find_generation(enum km_paging paging, uint64_t spte, int level,
			     enum km_spte_generation *generation)
{
	for (int i = KM_SPTE_GENERATIONS - 1; i >= 0; i--) {
		*generation = (enum km_spte_generation)i;
		if (km_spte_fits(paging, *generation, spte, level, NULL, 0))
			return true;
	}
	return false;
}

unsigned km_mmio_spte_l1tf_bits(const struct km_spte_masks *masks, uint64_t spte)
{
	static const unsigned cache_bits[] = {46, 44};

	if (masks->paging != KM_PAGING_EPT || !km_is_mmio_spte(masks, spte))
		return 0;
	for (size_t i = 0; i < sizeof(cache_bits) / sizeof(cache_bits[0]); i++) {
		uint64_t mask = 0x1fULL << (cache_bits[i] - 5);

		if ((spte & mask) == mask)
			return cache_bits[i];
	}
	return 0;
}
