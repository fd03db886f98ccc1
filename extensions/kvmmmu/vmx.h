/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Intel: what KVM itself keeps of the last exit; the VMCS is opaque. arch/x86/kvm/vmx/. */
#ifndef KVMMMU_VMX_H
#define KVMMMU_VMX_H

#include "mmu.h"

#define EXIT_REASON_EXCEPTION_NMI 0
#define EXIT_REASON_EPT_VIOLATION 48
#define EXIT_REASON_EPT_MISCONFIG 49

struct km_vmx_exit {
	struct km_val reason;	     /* basic exit reason, EXIT_REASON_* */
	struct km_val qualification; /* KM_ABSENT: KVM has not read it since the exit */
	struct km_val intr_info;     /* likewise */
};

/*
 * Reads what vcpu_vmx caches of the last exit. KM_EABSENT if the vendor is not Intel or its types
 * are not to be had.
 */
km_error *km_vmx_exit_read(const struct km_kernel *kernel, const struct km_vcpu *vcpu,
			   struct km_vmx_exit *exit);

/*
 * The error code that KVM makes of an EPT violation's qualification, as this generation does
 * (@acc); @mbec: of the active MMU. Without what it takes from the GPA (TDX), and without
 * GUEST_FINAL and GUEST_PAGE where the qualification says that no linear address is valid: 6.1
 * does not ask that. Mirrors __vmx_handle_ept_violation().
 */
uint64_t km_ept_violation_error_code(enum km_acc_format acc, bool mbec, uint64_t qualification);

/* "EPT_VIOLATION", ... of EXIT_REASON_*; NULL if it has no name here. */
const char *km_vmx_exit_name(uint64_t reason);

#endif
