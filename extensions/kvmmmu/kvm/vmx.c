// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/vmx.h"

#include <string.h>

/* regs_avail: VCPU_EXREG_EXIT_INFO_1, VCPU_EXREG_EXIT_INFO_2; the same from 6.1 to 7.3 */
#define EXIT_INFO_1 KM_BIT(23)
#define EXIT_INFO_2 KM_BIT(24)

km_error *km_vmx_exit_read(const struct km_kernel *k, const struct km_vcpu *vcpu,
			   struct km_vmx_exit *exit)
{
	const struct km_member *outer = km_layout_member(k->layout, KM_M_vcpu_vmx_vcpu);
	uint64_t vmx;

	memset(exit, 0, sizeof(*exit));
	exit->gpa = (struct km_val){.known = KM_ABSENT};
	if (k->vendor != KM_VENDOR_INTEL)
		return km_errorf(KM_EABSENT, "the host is not Intel");
	if (!outer)
		return km_errorf(KM_EABSENT, "no type information for kvm-intel");
	vmx = vcpu->addr - outer->offset;
	exit->reason = km_kget(k, vmx, KM_M_vcpu_vmx_exit_reason);
	exit->reason.v &= 0xffff;
	exit->qualification = km_kget(k, vmx, KM_M_vcpu_vmx_exit_qualification);
	if (!km_is_known(vcpu->regs_avail) || !(vcpu->regs_avail.v & EXIT_INFO_1))
		exit->qualification = (struct km_val){.known = KM_ABSENT};
	exit->intr_info = km_kget(k, vmx, KM_M_vcpu_vmx_exit_intr_info);
	if (!km_is_known(vcpu->regs_avail) || !(vcpu->regs_avail.v & EXIT_INFO_2))
		exit->intr_info = (struct km_val){.known = KM_ABSENT};
	return NULL;
}

km_error *km_tdx_exit_read(const struct km_kernel *k, const struct km_vcpu *vcpu,
			   struct km_vmx_exit *exit)
{
	const struct km_member *outer = km_layout_member(k->layout, KM_M_vcpu_tdx_vcpu);
	uint64_t tdx;

	memset(exit, 0, sizeof(*exit));
	exit->intr_info = (struct km_val){.known = KM_ABSENT};
	if (!outer)
		return km_errorf(KM_EABSENT, "no type information for vcpu_tdx");
	tdx = vcpu->addr - outer->offset;
	exit->reason = km_kget(k, tdx, KM_M_vcpu_tdx_exit_reason);
	exit->reason.v &= 0xffff;
	exit->qualification = km_kget(k, tdx, KM_M_vcpu_tdx_exit_qualification);
	exit->gpa = km_kget(k, tdx, KM_M_vcpu_tdx_exit_gpa);
	return NULL;
}
