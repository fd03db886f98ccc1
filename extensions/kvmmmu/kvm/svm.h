/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AMD: the last exit in the VMCB. arch/x86/kvm/svm/svm.c; see rules/exits.h for its meaning. */
#ifndef KVMMMU_SVM_H
#define KVMMMU_SVM_H

#include "kvm/vm.h"
#include "rules/exits.h"

struct km_vmcb {
	uint64_t addr;	  /* of struct vmcb */
	const char *name; /* which one is loaded: "vmcb01", "vmcb02"; "vmcb" if not known */
	bool foreign;	  /* vcpu_svm.vmcb is neither vmcb01 nor vmcb02 */
	struct km_val exit_code, exit_info_1, exit_info_2;
	struct km_val misc_ctl, cpl, rip;
	/* L2 has not exited since vmcb02 was loaded: the exit in it is an earlier one, or none */
	bool run_pending;
};

/*
 * Read the VMCB that the vCPU runs on (vcpu_svm.vmcb). KM_EABSENT: the vendor is not AMD, or its
 * types are missing; KM_EREAD: it is not in the dump.
 */
km_error *km_vmcb_read(const struct km_kernel *kernel, const struct km_vcpu *vcpu,
		       struct km_vmcb *vmcb);

/*
 * EXITINFO2 of the last exit. VMRUN clears it, but not the exit code and EXITINFO1: 0 in the VMCB
 * of a vCPU whose kvm_vcpu.mode is not known to be outside of the guest is KM_ABSENT.
 */
struct km_val km_vmcb_exit_info_2(const struct km_vmcb *vmcb, struct km_val mode);

#endif
