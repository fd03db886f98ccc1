// SPDX-License-Identifier: GPL-2.0-or-later
#include "svm.h"

#include <string.h>

struct km_val km_vmcb_exit_info_2(const struct km_vmcb *vmcb, struct km_val mode)
{
	bool outside =
		km_is_known(mode) && mode.v != KM_IN_GUEST_MODE && mode.v != KM_EXITING_GUEST_MODE;

	if (km_is_known(vmcb->exit_info_2) && !vmcb->exit_info_2.v && !outside)
		return (struct km_val){.known = KM_ABSENT};
	return vmcb->exit_info_2;
}

const char *km_svm_exit_name(uint64_t exit_code)
{
	static const struct {
		uint16_t code;
		const char *name;
	} names[] = {
		{0x040, "#DE"},
		{0x041, "#DB"},
		{0x042, "#NMI"},
		{0x043, "#BP"},
		{0x044, "#OF"},
		{0x045, "#BR"},
		{0x046, "#UD"},
		{0x047, "#NM"},
		{0x048, "#DF"},
		{0x04a, "#TS"},
		{0x04b, "#NP"},
		{0x04c, "#SS"},
		{0x04d, "#GP"},
		{0x04e, "#PF"},
		{0x050, "#MF"},
		{0x051, "#AC"},
		{0x052, "#MC"},
		{0x053, "#XF"},
		{0x060, "INTR"},
		{0x061, "NMI"},
		{0x062, "SMI"},
		{0x063, "INIT"},
		{0x064, "VINTR"},
		{0x065, "CR0_SEL_WRITE"},
		{0x06e, "RDTSC"},
		{0x06f, "RDPMC"},
		{0x070, "PUSHF"},
		{0x071, "POPF"},
		{0x072, "CPUID"},
		{0x073, "RSM"},
		{0x074, "IRET"},
		{0x075, "SWINT"},
		{0x076, "INVD"},
		{0x077, "PAUSE"},
		{0x078, "HLT"},
		{0x079, "INVLPG"},
		{0x07a, "INVLPGA"},
		{0x07b, "IOIO"},
		{0x07c, "MSR"},
		{0x07d, "TASK_SWITCH"},
		{0x07e, "FERR_FREEZE"},
		{0x07f, "SHUTDOWN"},
		{0x080, "VMRUN"},
		{0x081, "VMMCALL"},
		{0x082, "VMLOAD"},
		{0x083, "VMSAVE"},
		{0x084, "STGI"},
		{0x085, "CLGI"},
		{0x086, "SKINIT"},
		{0x087, "RDTSCP"},
		{0x089, "WBINVD"},
		{0x08a, "MONITOR"},
		{0x08b, "MWAIT"},
		{0x08c, "MWAIT_COND"},
		{0x08d, "XSETBV"},
		{0x08e, "RDPRU"},
		{0x08f, "EFER_WRITE_TRAP"},
		{0x0a2, "INVPCID"},
		{0x0a5, "BUS_LOCK"},
		{0x0a6, "IDLE_HLT"},
		{0x400, "NPF"},
		{0x401, "AVIC_INCOMPLETE_IPI"},
		{0x402, "AVIC_UNACCELERATED_ACCESS"},
		{0x403, "VMGEXIT"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].code == exit_code)
			return names[i].name;
	}
	if (exit_code < 0x10)
		return "CR read";
	if (exit_code < 0x20)
		return "CR write";
	if (exit_code < 0x30)
		return "DR read";
	if (exit_code < 0x40)
		return "DR write";
	return (int32_t)exit_code == -1 ? "ERR" : NULL;
}

km_error *km_vmcb_read(const struct km_kernel *k, const struct km_vcpu *vcpu, struct km_vmcb *vmcb)
{
	const struct km_member *outer = km_layout_member(k->layout, KM_M_vcpu_svm_vcpu);
	uint64_t svm;
	struct km_val ptr, hi;

	memset(vmcb, 0, sizeof(*vmcb));
	if (k->vendor != KM_VENDOR_AMD)
		return km_errorf(KM_EABSENT, "the host is not AMD: there is no VMCB");
	if (!outer)
		return km_errorf(KM_EABSENT, "no type information for kvm-amd: VMCB not read");
	svm = vcpu->addr - outer->offset;
	ptr = km_kget(k, svm, KM_M_vcpu_svm_vmcb);
	if (!km_is_known(ptr) || !ptr.v)
		return km_errorf(KM_EREAD, "vcpu_svm.vmcb is not readable");
	vmcb->addr = ptr.v;
	vmcb->name = "vmcb";
	if (ptr.v == km_kget(k, svm, KM_M_vcpu_svm_vmcb01).v)
		vmcb->name = "vmcb01";
	else if (ptr.v == km_kget(k, svm, KM_M_vcpu_svm_vmcb02).v)
		vmcb->name = "vmcb02";
	vmcb->exit_code = km_kget(k, ptr.v, KM_M_vmcb_exit_code);
	hi = km_kget(k, ptr.v, KM_M_vmcb_exit_code_hi);
	if (km_is_known(hi))
		vmcb->exit_code.v |= hi.v << 32;
	vmcb->exit_info_1 = km_kget(k, ptr.v, KM_M_vmcb_exit_info_1);
	vmcb->exit_info_2 = km_kget(k, ptr.v, KM_M_vmcb_exit_info_2);
	vmcb->misc_ctl = km_kget(k, ptr.v, KM_M_vmcb_misc_ctl);
	vmcb->cpl = km_kget(k, ptr.v, KM_M_vmcb_cpl);
	vmcb->rip = km_kget(k, ptr.v, KM_M_vmcb_rip);
	if (!km_is_known(vmcb->exit_code))
		return km_errorf(KM_EREAD, "the VMCB at 0x%llx is not readable",
				 (unsigned long long)ptr.v);
	return NULL;
}
