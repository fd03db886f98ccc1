// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * make_mmio_spte() stores the gfn, for get_mmio_spte_gfn().
 */
#include "audit/look.h"

enum km_look_answer km_audit_mmio_gfn(const struct km_look *at, struct km_anomaly *a)
{
	if (at->spte.kind != KM_SPTE_MMIO || at->stale)
		return KM_FITS;
	if (!km_is_known(at->gfn))
		return KM_CANNOT_TELL;
	if (at->spte.mmio_gfn == at->gfn.v)
		return KM_FITS;
	km_anomaly_says(a, "it contains gfn 0x%" PRIx64 ", but maps gfn 0x%" PRIx64,
			at->spte.mmio_gfn, at->gfn.v);
	return KM_ANOMALY;
}
