/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Read VMCS pages and their anchors from the dump: see vmcs_page.h. */
#ifndef KVMMMU_VMCS_READ_H
#define KVMMMU_VMCS_READ_H

#include "fault/vmcs_page.h"
#include "kvm/mmu.h"

/*
 * Find the guest-physical address in the VMCS page of @vcpu, one of @vm's; the pages of the others
 * help with an unknown layout. *@current is set to whether the address belongs to the last exit;
 * else it is of an earlier EPT violation. Errors: Ctrl-C, out of memory.
 */
km_error *km_vmcs_read_address(const struct km_kernel *kernel, const struct km_vm *vm,
			       const struct km_vcpu *vcpu, struct km_vmcs_address *address,
			       bool *current);

#endif
