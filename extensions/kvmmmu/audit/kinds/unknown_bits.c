// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * make_spte() and make_nonleaf_spte() set the same few bits in every entry of a kind; all others
 * stay clear. Those that are reserved are reported as such.
 */
#include "rules/spte_generation.h"
#include "audit/look.h"

#define PT_PAT KM_BIT(7)

enum km_look_answer km_audit_unknown_bits(const struct km_look *at, struct km_anomaly *a)
{
	uint64_t missing, bits;

	if (at->spte.kind != KM_SPTE_PRESENT)
		return KM_FITS;
	bits = km_spte_foreign_bits(at->masks, at->spte.value, at->page->level, &missing);
	/* PAT of a 4K page: without EPT, KVM sets no memory type */
	if (at->spte.leaf && at->page->level == PG_LEVEL_4K && at->masks->paging != KM_PAGING_EPT)
		bits |= at->spte.value & PT_PAT;
	if (at->mmu->rsvd_known)
		bits &= ~km_rsvd_spte(at->masks, &at->mmu->rsvd, at->spte.value, at->page->level,
				      NULL);
	if (!bits)
		return KM_FITS;
	km_anomaly_says(a, "KVM never sets 0x%" PRIx64 " in %s", bits,
			at->spte.leaf ? "a leaf" : "an entry that points to a page table");
	return KM_ANOMALY;
}
