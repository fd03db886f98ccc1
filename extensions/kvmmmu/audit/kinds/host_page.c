// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KVM takes the page from the VMM's page tables (hva_to_pfn()), and an mmu_notifier zaps it before
 * they change.
 */
#include "audit/look.h"

enum km_look_answer km_audit_host_page(const struct km_look *at, struct km_anomaly *a)
{
	struct km_host_page host;
	enum km_look_answer answer = km_look_at_host(at, &host);

	if (answer != KM_ANOMALY)
		return answer;
	if (!host.present || host.pa >> KM_PAGE_SHIFT == at->spte.pfn)
		return KM_FITS;
	km_anomaly_says(
		a, "it maps pfn 0x%" PRIx64 ", but the VMM maps pfn 0x%" PRIx64 " at 0x%" PRIx64,
		at->spte.pfn, host.pa >> KM_PAGE_SHIFT, km_look_hva(at));
	return KM_ANOMALY;
}
