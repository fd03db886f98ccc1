// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An access in a memslot never makes an MMIO SPTE, except that of a nested guest to the APIC access
 * page: kvm_faultin_pfn().
 */
#include "audit/look.h"

/*
 * Slots of KVM itself (APIC access page, ...) come after those of userspace: KVM_USER_MEM_SLOTS,
 * 509 up to 5.10 or so, else 32764.
 */
#define FIRST_PRIVATE_SLOT 509

enum km_look_answer km_audit_mmio_over_slot(const struct km_look *at, struct km_anomaly *a)
{
	struct km_val gen = at->slots ? at->slots->generation : (struct km_val){0};

	if (at->spte.kind != KM_SPTE_MMIO || at->stale)
		return KM_FITS;
	if (!km_look_has_slots(at) || !km_is_known(gen))
		return KM_CANNOT_TELL;
	if (!at->slot || (at->slot->flags & KVM_MEMSLOT_INVALID) ||
	    at->slot->id >= FIRST_PRIVATE_SLOT || (gen.v & KVM_MEMSLOT_GEN_UPDATE_IN_PROGRESS) ||
	    at->spte.mmio_generation != (gen.v & km_mmio_spte_gen_mask(at->masks)))
		return KM_FITS;
	km_anomaly_says(a, "memslot %" PRId64 " contains its gfn 0x%" PRIx64, at->slot->id,
			at->gfn.v);
	return KM_ANOMALY;
}
