/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Permission tables as the kernel computes them from a role: arch/x86/kvm/mmu/mmu.c,
 * update_permission_bitmask() up to 7.2, __update_permission_bitmask() from 7.3.
 */
#ifndef KVMMMU_PERMISSIONS_H
#define KVMMMU_PERMISSIONS_H

#include "access.h"
#include "role.h"

/*
 * What a permission table depends on. Under EPT with KM_ACC_RWUX, cr4_smep says MBEC; on NPT (tdp)
 * it says GMET.
 */
struct km_perm_inputs {
	enum km_acc_format format;
	bool tdp; /* the page tables are NPT or EPT; matters from KM_ACC_RWUX on, with cr4_smep */
	bool ept; /* the page tables are EPT */
	bool cr4_smep;
	bool cr4_smap;
	bool cr0_wp;
	bool efer_nx;
};

/*
 * The inputs for a table of guest PTEs: the walk's cpu_role. Mirrors update_permission_bitmask().
 */
struct km_perm_inputs km_guest_perm_inputs(enum km_acc_format format,
					   const struct km_cpu_role *cpu_role, bool tdp, bool ept);

/*
 * The inputs for a table of SPTEs: root_role.cr4_smep and fixed SMAP=0, WP=1, NX=1. Mirrors
 * update_spte_permission_bitmask() (7.3).
 */
struct km_perm_inputs km_spte_perm_inputs(enum km_acc_format format,
					  const struct km_page_role *root_role, bool tdp, bool ept);

/*
 * Fills words[i] for error code i << 1: bit a is set if rights a (ACC_*) fault. With KM_ACC_UWX
 * only the low 8 bits are used.
 */
void km_update_permission_bitmask(const struct km_perm_inputs *in, uint16_t words[KM_PERM_WORDS]);

/*
 * kvm_mmu.pkru_mask (later kvm_page_format.pkru_mask) of a guest walk. Mirrors
 * update_pkru_bitmask().
 */
uint32_t km_update_pkru_bitmask(bool cr4_pke, bool cr0_wp);

#endif
