// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the processor reserves on every machine; reserved-bits reports what KVM's masks contain.
 */
#include "rules/spte_check.h"
#include "audit/look.h"

enum km_look_answer km_audit_misconfig(const struct km_look *at, struct km_anomaly *a)
{
	bool bad_mt_xwr;

	if (at->spte.kind != KM_SPTE_PRESENT)
		return KM_FITS;
	if (at->mmu->rsvd_known && (km_rsvd_spte(at->masks, &at->mmu->rsvd, at->spte.value,
						 at->page->level, &bad_mt_xwr) ||
				    bad_mt_xwr))
		return KM_FITS;
	return km_spte_is_illegal(at->masks, NULL, at->spte.value, at->page->level, a->what,
				  sizeof(a->what))
		       ? KM_ANOMALY
		       : KM_FITS;
}
