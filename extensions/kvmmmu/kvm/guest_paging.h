/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What translates the linear addresses of the code that a vCPU runs, a guest or a nested guest:
 * CR3, the paging mode, and the registers that decide which accesses its page tables permit.
 */
#ifndef KVMMMU_GUEST_PAGING_H
#define KVMMMU_GUEST_PAGING_H

#include "kvm/mmu.h"

struct km_guest_paging {
	const struct km_pagewalk *w; /* the paging mode is in its role; NULL: not known */
	const struct km_mmu *nested; /* in a nested guest with TDP: guest_mmu, whose guest tables
					translate the addresses in these tables; or NULL */
	struct km_val cr3;
	const char *cr3_source;	   /* where CR3 was read; or why it is not known */
	struct km_val cr0, rflags; /* of the VMCB, AMD only: KM_ABSENT elsewhere */
	struct km_val pkru;
};

/*
 * Read them. @all are the contexts of @vcpu. Mirrors kvm_read_cr3() and mmu_is_nested(); what is
 * only in a VMCS is KM_ABSENT.
 */
void km_guest_paging_read(const struct km_kernel *kernel, const struct km_vcpu *vcpu,
			  const struct km_vcpu_mmu *all, struct km_guest_paging *paging);

/*
 * Read the reserved bits of the guest entries that @w walks: kvm_mmu.guest_rsvd_check, since 7.3
 * kvm_pagewalk.fmt. Return false if they are not known.
 */
bool km_guest_rsvd_read(const struct km_kernel *kernel, const struct km_pagewalk *w,
			struct km_rsvd_bits *rsvd);

#endif
