/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Permission tables as the kernel computes them from a role: update_permission_bitmask() of
 * arch/x86/kvm/mmu/mmu.c, from 7.3 __update_permission_bitmask().
 */
#ifndef KVMMMU_PERMISSIONS_H
#define KVMMMU_PERMISSIONS_H

#include "rules/access.h"
#include "rules/role.h"

/*
 * What a permission table depends on. With KM_ACC_RWUX, cr4_smep means MBEC for EPT and GMET for
 * NPT: see rules/mbec.h.
 */
struct km_perm_inputs {
	enum km_acc_format format;
	bool tdp; /* the page tables are NPT or EPT */
	bool ept; /* the page tables are EPT */
	bool cr4_smep;
	bool cr4_smap;
	bool cr0_wp;
	bool efer_nx;
};

/*
 * Inputs of a table for guest PTEs: the walk's cpu_role. Mirrors update_permission_bitmask().
 */
struct km_perm_inputs km_guest_perm_inputs(enum km_acc_format format,
					   const struct km_cpu_role *cpu_role, bool tdp, bool ept);

/*
 * Inputs of a table for SPTEs: root_role.cr4_smep, and SMAP=0, WP=1, NX=1. Mirrors
 * update_spte_permission_bitmask() (7.3).
 */
struct km_perm_inputs km_spte_perm_inputs(enum km_acc_format format,
					  const struct km_page_role *root_role, bool tdp, bool ept);

/*
 * Set bit a of words[i] if an access with error code i << 1 faults on an entry with rights a
 * (ACC_*). With KM_ACC_UWX, only the low 8 bits are used.
 */
void km_update_permission_bitmask(const struct km_perm_inputs *in, uint16_t words[KM_PERM_WORDS]);

/*
 * The pkru_mask of a guest walk: kvm_mmu.pkru_mask, later kvm_page_format.pkru_mask. Mirrors
 * update_pkru_bitmask().
 */
uint32_t km_update_pkru_bitmask(bool cr4_pke, bool cr0_wp);

#endif
