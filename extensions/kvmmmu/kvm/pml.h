/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel's page-modification logging: the processor writes the GPA of a page to its vCPU's buffer
 * when it sets D in an SPTE. arch/x86/kvm/vmx/vmx.c.
 */
#ifndef KVMMMU_PML_H
#define KVMMMU_PML_H

#include "kvm/logged_pages.h"

/* Does KVM use PML: 0 or 1. It has one answer for all VMs, enable_pml. */
struct km_val km_pml_enabled(const struct km_kernel *kernel);

/* The physical address of the vCPU's buffer, vcpu_vmx.pml_pg. KM_ABSENT: it has none. */
struct km_val km_pml_buffer(const struct km_kernel *kernel, const struct km_vcpu *vcpu);

/*
 * Read the gfns in the buffers of all vCPUs. Which entries were written since the last VM exit is
 * only in the VMCS: earlier ones are among them. As km_logged_pages_read(), with the errors of
 * km_logged_pages_room().
 */
km_error *km_pml_read(const struct km_kernel *kernel, const struct km_vm *vm,
		      struct km_logged_pages *pml);

/* Is @gfn in one of the buffers? */
bool km_pml_has(const struct km_logged_pages *pml, uint64_t gfn);

#endif
