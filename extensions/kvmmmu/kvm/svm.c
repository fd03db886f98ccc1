// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/svm.h"

#include <string.h>

struct km_val km_vmcb_exit_info_2(const struct km_vmcb *vmcb, struct km_val mode)
{
	bool outside =
		km_is_known(mode) && mode.v != KM_IN_GUEST_MODE && mode.v != KM_EXITING_GUEST_MODE;

	if (km_is_known(vmcb->exit_info_2) && !vmcb->exit_info_2.v && !outside)
		return (struct km_val){.known = KM_ABSENT};
	return vmcb->exit_info_2;
}

/*
 * Has L2 not exited since vmcb02 was loaded? nested_run_pending is set from VMRUN of L1 to the next
 * exit of L2; KVM_SET_NESTED_STATE may load vmcb02 without it. svm_vcpu_run() counts exits of L2
 * whose VMRUN L1 executed here in stat.nested_run.
 */
static bool run_pending(const struct km_kernel *k, const struct km_vcpu *vcpu, uint64_t svm,
			uint64_t vmcb)
{
	struct km_val info1 = km_kget(k, vmcb, KM_M_vmcb_exit_info_1);
	struct km_val code = km_kget(k, vmcb, KM_M_vmcb_exit_code);
	struct km_val runs = km_kget(k, vcpu->addr, KM_M_kvm_vcpu_stat_nested_run);

	/* a new VMCB is zeroed, and exit code 0 is a read of CR0 */
	if (km_is_known(runs) && !runs.v && !code.v && !info1.v)
		return true;
	return km_flag_is_set(k, svm, KM_M_vcpu_svm_nested_run_pending) ||
	       km_flag_is_set(k, vcpu->addr, KM_M_kvm_vcpu_nested_run_pending);
}

km_error *km_vmcb_read(const struct km_kernel *k, const struct km_vcpu *vcpu, struct km_vmcb *vmcb)
{
	const struct km_member *outer = km_layout_member(k->layout, KM_M_vcpu_svm_vcpu);
	uint64_t svm;
	struct km_val ptr, hi, vmcb01, vmcb02;

	memset(vmcb, 0, sizeof(*vmcb));
	if (k->vendor != KM_VENDOR_AMD)
		return km_errorf(KM_EABSENT, "the host is not AMD: there is no VMCB");
	if (!outer)
		return km_errorf(KM_EABSENT,
				 "no type information for kvm-amd: the VMCB is not read");
	svm = vcpu->addr - outer->offset;
	ptr = km_kget(k, svm, KM_M_vcpu_svm_vmcb);
	vmcb01 = km_kget(k, svm, KM_M_vcpu_svm_vmcb01);
	vmcb02 = ptr.v == vmcb01.v ? vmcb01 : km_kget(k, svm, KM_M_vcpu_svm_vmcb02);
	if (!km_is_known(ptr) || !ptr.v)
		return km_errorf(KM_EREAD, "vcpu_svm.vmcb is not readable");
	vmcb->addr = ptr.v;
	vmcb->name = "vmcb";
	if (ptr.v == vmcb01.v)
		vmcb->name = "vmcb01";
	else if (ptr.v == vmcb02.v)
		vmcb->name = "vmcb02";
	else
		vmcb->foreign = km_is_known(vmcb01) && km_is_known(vmcb02);
	vmcb->exit_code = km_kget(k, ptr.v, KM_M_vmcb_exit_code);
	hi = km_kget(k, ptr.v, KM_M_vmcb_exit_code_hi);
	if (km_is_known(hi))
		vmcb->exit_code.v |= hi.v << 32;
	vmcb->exit_info_1 = km_kget(k, ptr.v, KM_M_vmcb_exit_info_1);
	vmcb->exit_info_2 = km_kget(k, ptr.v, KM_M_vmcb_exit_info_2);
	vmcb->misc_ctl = km_kget(k, ptr.v, KM_M_vmcb_misc_ctl);
	vmcb->cpl = km_kget(k, ptr.v, KM_M_vmcb_cpl);
	vmcb->rip = km_kget(k, ptr.v, KM_M_vmcb_rip);
	vmcb->run_pending = !strcmp(vmcb->name, "vmcb02") && run_pending(k, vcpu, svm, ptr.v);
	if (!km_is_known(vmcb->exit_code))
		return km_errorf(KM_EREAD, "the VMCB at 0x%llx is not readable",
				 (unsigned long long)ptr.v);
	return NULL;
}
