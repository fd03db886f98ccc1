// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * host-writable is set where the VMM may write; an mmu_notifier zaps the entry before the VMM's
 * page becomes read-only.
 */
#include "audit/look.h"

#define PT_UFFD_WP KM_BIT(10) /* _PAGE_UFFD_WP is _PAGE_SOFTW2 */

enum km_look_answer km_audit_host_readonly(const struct km_look *at, struct km_anomaly *a)
{
	struct km_host_page host;
	enum km_look_answer answer = km_look_at_host(at, &host);

	if (answer != KM_ANOMALY)
		return answer;
	if (!host.present || host.writable || !at->spte.host_writable)
		return KM_FITS;
	km_anomaly_says(a,
			"it is host-writable, but the VMM's entry 0x%" PRIx64 " at 0x%" PRIx64
			" is read-only%s",
			host.value, km_look_hva(at),
			host.value & PT_UFFD_WP ? " for userfaultfd" : "");
	return KM_ANOMALY;
}
