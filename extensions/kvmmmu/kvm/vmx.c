// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmx.h"

#include <string.h>

/* regs_avail: VCPU_EXREG_EXIT_INFO_1, VCPU_EXREG_EXIT_INFO_2; the same from 6.1 to 7.3 */
#define EXIT_INFO_1 KM_BIT(23)
#define EXIT_INFO_2 KM_BIT(24)

#define EPT_VIOLATION_ACC_READ	     KM_BIT(0)
#define EPT_VIOLATION_ACC_WRITE	     KM_BIT(1)
#define EPT_VIOLATION_ACC_INSTR	     KM_BIT(2)
#define EPT_VIOLATION_RWX_MASK	     (KM_BIT(3) | KM_BIT(4) | KM_BIT(5))
#define EPT_VIOLATION_PROT_USER_EXEC KM_BIT(6)
#define EPT_VIOLATION_GVA_IS_VALID   KM_BIT(7)
#define EPT_VIOLATION_GVA_TRANSLATED KM_BIT(8)
#define EPT_VIOLATION_GVA_USER	     KM_BIT(9)

const char *km_vmx_exit_name(uint64_t reason)
{
	static const char *const names[] = {
		[0] = "EXCEPTION_NMI",
		[1] = "EXTERNAL_INTERRUPT",
		[2] = "TRIPLE_FAULT",
		[7] = "INTERRUPT_WINDOW",
		[8] = "NMI_WINDOW",
		[9] = "TASK_SWITCH",
		[10] = "CPUID",
		[12] = "HLT",
		[14] = "INVLPG",
		[18] = "VMCALL",
		[28] = "CR_ACCESS",
		[29] = "DR_ACCESS",
		[30] = "IO_INSTRUCTION",
		[31] = "MSR_READ",
		[32] = "MSR_WRITE",
		[40] = "PAUSE_INSTRUCTION",
		[48] = "EPT_VIOLATION",
		[49] = "EPT_MISCONFIG",
		[52] = "PREEMPTION_TIMER",
		[54] = "WBINVD",
		[55] = "XSETBV",
		[62] = "PML_FULL",
	};

	return reason < sizeof(names) / sizeof(names[0]) ? names[reason] : NULL;
}

uint64_t km_ept_violation_error_code(enum km_acc_format acc, bool mbec, uint64_t q)
{
	uint64_t rwx = EPT_VIOLATION_RWX_MASK | (mbec ? EPT_VIOLATION_PROT_USER_EXEC : 0);
	uint64_t ec = 0;

	if (acc == KM_ACC_UWX && q & EPT_VIOLATION_ACC_READ)
		ec |= PFERR_USER_MASK;
	if (q & EPT_VIOLATION_ACC_WRITE)
		ec |= PFERR_WRITE_MASK;
	if (q & EPT_VIOLATION_ACC_INSTR)
		ec |= PFERR_FETCH_MASK;
	if (q & rwx)
		ec |= PFERR_PRESENT_MASK;
	if (!(q & EPT_VIOLATION_GVA_IS_VALID))
		return ec;
	if (!(q & EPT_VIOLATION_GVA_TRANSLATED))
		return ec | PFERR_GUEST_PAGE_MASK;
	if (acc == KM_ACC_RWUX && q & EPT_VIOLATION_GVA_USER)
		ec |= PFERR_USER_MASK;
	return ec | PFERR_GUEST_FINAL_MASK;
}

km_error *km_vmx_exit_read(const struct km_kernel *k, const struct km_vcpu *vcpu,
			   struct km_vmx_exit *exit)
{
	const struct km_member *outer = km_layout_member(k->layout, KM_M_vcpu_vmx_vcpu);
	uint64_t vmx;

	memset(exit, 0, sizeof(*exit));
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
