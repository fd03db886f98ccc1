// SPDX-License-Identifier: GPL-2.0-or-later
/* Like page-owner, but for a root: root_to_sp(). */
#include "audit/look.h"

enum km_look_answer km_audit_root_owner(const struct km_look *at, struct km_anomaly *a)
{
	if (at->root_page->doubt == KM_TABLE_UNREAD)
		return KM_CANNOT_TELL;
	if (at->root_page->doubt == KM_TABLE_PROVEN)
		return KM_FITS;
	km_anomaly_says(a, "root 0x%" PRIx64 ": %s", at->root_pa,
			at->root_page->doubt == KM_TABLE_NO_OWNER
				? "its struct page has no kvm_mmu_page"
			: at->root_page->doubt == KM_TABLE_OTHER_SPT
				? "spt of its kvm_mmu_page is another page"
				: "role.level of its kvm_mmu_page is not a valid level");
	return KM_ANOMALY;
}
