// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KVM computes these masks for what it puts into its own page tables, and checks entries of a walk
 * against them: is_rsvd_spte(), get_mmio_spte().
 */
#include "audit/look.h"

enum km_look_answer km_audit_reserved_bits(const struct km_look *at, struct km_anomaly *a)
{
	const struct km_page_role *page = &at->sp->role, *root = &at->mmu->root_role;
	bool bad_mt_xwr;
	uint64_t bits;

	if (at->spte.kind != KM_SPTE_PRESENT)
		return KM_FITS;
	/* an earlier root may be from another mode of the guest, with other masks */
	if (!at->mmu->rsvd_known || !at->sp->role_known ||
	    (at->page->level > 2 && root->level <= 3) || page->efer_nx != root->efer_nx ||
	    page->guest_mode != root->guest_mode || page->cr4_smep != root->cr4_smep)
		return KM_CANNOT_TELL;
	bits = km_rsvd_spte(at->masks, &at->mmu->rsvd, at->spte.value, at->page->level,
			    &bad_mt_xwr);
	if (!bits && !bad_mt_xwr)
		return KM_FITS;
	if (bits)
		km_anomaly_says(a, "rsvd_bits_mask forbids 0x%" PRIx64, bits);
	else
		km_anomaly_says(a, "bad_mt_xwr forbids its memory type and permissions");
	return KM_ANOMALY;
}
