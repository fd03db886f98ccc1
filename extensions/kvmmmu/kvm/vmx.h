/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel: the last exit in vcpu_vmx (arch/x86/kvm/vmx/vmx.h), which has copies of some fields of the
 * VMCS; see rules/exits.h for its meaning.
 */
#ifndef KVMMMU_VMX_H
#define KVMMMU_VMX_H

#include "kvm/mmu.h"
#include "rules/exits.h"

struct km_vmx_exit {
	struct km_val reason;	     /* basic exit reason, EXIT_REASON_* */
	struct km_val qualification; /* KM_ABSENT: KVM has not read it since the exit */
	struct km_val intr_info;     /* likewise; VM-exit interruption information */
	struct km_val gpa;	     /* TDX only: vcpu_tdx.exit_gpa */
};

/*
 * Read what vcpu_vmx contains of the last exit. KM_EABSENT: the vendor is not Intel, or its types
 * are missing.
 */
km_error *km_vmx_exit_read(const struct km_kernel *kernel, const struct km_vcpu *vcpu,
			   struct km_vmx_exit *exit);

/* Likewise for a vCPU of a TDX guest, from vcpu_tdx, which has no intr_info. */
km_error *km_tdx_exit_read(const struct km_kernel *kernel, const struct km_vcpu *vcpu,
			   struct km_vmx_exit *exit);

#endif
