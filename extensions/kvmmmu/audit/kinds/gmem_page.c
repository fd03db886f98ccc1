// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KVM takes private pages, and those of memslots that have no other memory, from guest_memfd's page
 * cache: kvm_gmem_get_pfn(). What is removed there was zapped: kvm_gmem_punch_hole(),
 * kvm_gmem_error_folio(), kvm_gmem_release().
 */
#include "audit/look.h"
#include "kvm/gmem.h"

enum km_look_answer km_audit_gmem_page(const struct km_look *at, struct km_anomaly *a)
{
	const struct km_audit_vm *all = at->all;
	struct km_val is_gmem, pfn;
	bool before;

	if (!km_look_is_leaf(at) || at->stale || !km_look_has_slots(at) || !at->slot ||
	    !(at->slot->flags & (KVM_MEM_GUEST_MEMFD | KVM_MEMSLOT_GMEM_ONLY)))
		return KM_FITS;
	if (at->run > 1)
		return KM_CANNOT_TELL;
	before = km_memory_try(all->kernel->mem, true);
	is_gmem = km_gfn_is_gmem(all->kernel, all->vm, at->slot, at->gfn.v);
	pfn = km_gmem_pfn(all->kernel, at->slot, at->gfn.v);
	km_memory_try(all->kernel->mem, before);
	if (km_is_known(is_gmem) && !is_gmem.v)
		return KM_FITS;
	if (!km_is_known(is_gmem) || pfn.known == KM_UNREADABLE)
		return KM_CANNOT_TELL;
	if (km_is_known(pfn) && pfn.v == at->spte.pfn)
		return KM_FITS;
	if (km_is_known(pfn))
		km_anomaly_says(a, "it maps pfn 0x%" PRIx64 ", but guest_memfd has pfn 0x%" PRIx64,
				at->spte.pfn, pfn.v);
	else
		km_anomaly_says(a, "it maps pfn 0x%" PRIx64 ", but guest_memfd has no page there",
				at->spte.pfn);
	return KM_ANOMALY;
}
