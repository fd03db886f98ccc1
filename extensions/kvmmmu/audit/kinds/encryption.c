// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * With memory encryption, KVM sets shadow_me_value in each leaf, unless it maps memory of a device:
 * make_spte(), kvm_is_mmio_pfn(). In entries that point to page tables it is in missing-bits, and
 * the other bits of shadow_me_mask are in reserved-bits.
 */
#include "audit/look.h"
#include "kernel/struct_page.h"

enum km_look_answer km_audit_encryption(const struct km_look *at, struct km_anomaly *a)
{
	const struct km_kernel *k = at->all->kernel;
	uint64_t value = at->masks->me_value, lacks = value & ~at->spte.value;
	struct km_val count, reserved;
	uint64_t page;
	bool before;

	/* all entries of a run have the same bits */
	if (!km_look_is_leaf(at) || !lacks)
		return KM_FITS;
	if (at->run > 1)
		return KM_CANNOT_TELL;
	page = km_pfn_to_page(k, at->spte.pfn);
	before = km_memory_try(k->mem, true);
	count = km_kget(k, page, KM_M_page_refcount);
	reserved = km_page_flag(k, page, "PG_reserved");
	km_memory_try(k->mem, before);
	/* memory of devices has no struct page, or it is reserved */
	if (!km_is_known(count) || !km_is_known(reserved))
		return KM_CANNOT_TELL;
	if (reserved.v || !count.v)
		return KM_FITS;
	km_anomaly_says(a, "it maps memory, pfn 0x%" PRIx64 ", without 0x%" PRIx64, at->spte.pfn,
			lacks);
	return KM_ANOMALY;
}
