// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A leaf of a direct page table has X and U as role.access has them, except X of a huge page, which
 * nx_huge_pages takes: make_spte(), whose pte_access is ACC_ALL in the TDP MMU and role.access in
 * the shadow MMU. KVM takes W and gives it. With EPT only X is compared: what U means there
 * differs.
 */
#include "audit/look.h"

enum km_look_answer km_audit_leaf_access(const struct km_look *at, struct km_anomaly *a)
{
	const struct km_page_role *role = &at->sp->role;
	enum km_acc_format format = at->masks->layout->acc;
	unsigned exec = format == KM_ACC_RWUX ? ACC_EXEC_MASK : ACC_UWX_EXEC_MASK;
	unsigned user = format == KM_ACC_RWUX ? ACC_USER_MASK : ACC_UWX_USER_MASK;
	unsigned compared = 0, acc;

	if (!km_look_is_leaf(at))
		return KM_FITS;
	if (!at->sp->role_known)
		return KM_CANNOT_TELL;
	/* shadow pages of a guest's page tables have the guest's permissions */
	if (!role->direct || role->passthrough)
		return KM_FITS;
	if (at->page->level == PG_LEVEL_4K)
		compared |= exec;
	if (at->masks->paging != KM_PAGING_EPT)
		compared |= user;
	acc = km_spte_acc(at->masks, at->spte.access_tracked ? at->spte.restored : at->spte.value,
			  format);
	if (!((acc ^ role->access) & compared))
		return KM_FITS;
	km_anomaly_says(a, "its permissions are 0x%x, and role.access of its page table is 0x%x",
			acc, role->access);
	return KM_ANOMALY;
}
