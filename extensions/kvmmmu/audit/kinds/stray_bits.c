// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An entry without the MMU-present bit is 0 (or bit 63), FROZEN_SPTE or an MMIO SPTE: spte.h of
 * arch/x86/kvm/mmu/. If the processor treats it as present, it maps memory that KVM does not know
 * about.
 */
#include "audit/look.h"

enum km_look_answer km_audit_stray_bits(const struct km_look *at, struct km_anomaly *a)
{
	bool ept = at->masks->paging == KM_PAGING_EPT;

	if (at->spte.kind != KM_SPTE_NOT_PRESENT)
		return KM_FITS;
	km_anomaly_says(
		a, "%s",
		at->spte.value & (ept ? 7 : 1)
			? "KVM treats it as not present, but the processor treats it as present"
			: "neither KVM nor the processor treats it as present");
	return KM_ANOMALY;
}
