// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * make_mmio_spte() stores the generation of the memslots that the vCPU uses. It only grows; when
 * what an SPTE holds of it wraps, all MMIO SPTEs are zapped: kvm_mmu_invalidate_mmio_sptes().
 */
#include "audit/look.h"

enum km_look_answer km_audit_mmio_generation(const struct km_look *at, struct km_anomaly *a)
{
	uint64_t now;

	if (at->spte.kind != KM_SPTE_MMIO || at->stale)
		return KM_FITS;
	if (!at->slots || !km_is_known(at->slots->generation))
		return KM_CANNOT_TELL;
	now = at->slots->generation.v & km_mmio_spte_gen_mask(at->masks);
	if (at->spte.mmio_generation <= now)
		return KM_FITS;
	km_anomaly_says(a, "its generation is 0x%" PRIx64 ", that of the memslots is 0x%" PRIx64,
			at->spte.mmio_generation, now);
	return KM_ANOMALY;
}
