/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AMD: what the VMCB keeps of the last exit. arch/x86/kvm/svm/. */
#ifndef KVMMMU_SVM_H
#define KVMMMU_SVM_H

#include "vm.h"

#define SVM_EXIT_EXCP_BASE 0x040
#define SVM_EXIT_PF	   0x04e
#define SVM_EXIT_NPF	   0x400

struct km_vmcb {
	uint64_t addr;	  /* of struct vmcb */
	const char *name; /* "vmcb01", "vmcb02", "vmcb": which one is loaded */
	struct km_val exit_code, exit_info_1, exit_info_2;
	struct km_val misc_ctl, cpl, rip;
};

/*
 * Reads the VMCB that the vCPU runs on (vcpu_svm.vmcb). KM_EABSENT if the vendor is not AMD or its
 * types are not to be had, KM_EREAD if it is not in the dump.
 */
km_error *km_vmcb_read(const struct km_kernel *kernel, const struct km_vcpu *vcpu,
		       struct km_vmcb *vmcb);

/*
 * EXITINFO2 of the last exit. VMRUN clears it, while exit code and EXITINFO1 stay until the next
 * exit: a 0 in the VMCB of a vCPU whose kvm_vcpu.mode does not say "outside" is KM_ABSENT.
 */
struct km_val km_vmcb_exit_info_2(const struct km_vmcb *vmcb, struct km_val mode);

/* "NPF", "HLT", ... of SVM_EXIT_*; NULL if it has no name here. */
const char *km_svm_exit_name(uint64_t exit_code);

#endif
