/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Virtual machines: struct kvm, its owner, its vCPUs. */
#ifndef KVMMMU_VM_H
#define KVMMMU_VM_H

#include "vcpu.h"

/* include/uapi/linux/kvm.h, arch/x86/include/uapi/asm/kvm.h: kvm_arch.vm_type */
const char *km_vm_type_name(uint64_t vm_type);

struct km_vm {
	uint64_t addr;	   /* of struct kvm */
	unsigned number;   /* place in vm_list, oldest VM = 0 */
	struct km_val mm;  /* of the owner, mm_struct */
	struct km_val pid; /* thread group of the owner */
	uint64_t owner;	   /* its task_struct, 0 if unknown */
	char comm[17];	   /* of the owner; "" if unknown */
	struct km_val online_vcpus, created_vcpus;
	struct km_val mmu_invalidate_seq, mmu_invalidate_in_progress;
	struct km_val mmu_invalidate_range_start, mmu_invalidate_range_end;
	struct km_val mn_active_invalidate_count;
	struct km_val vm_bugged, vm_dead;
	struct km_val vm_type, tdp_mmu_enabled, mmu_valid_gen, shadow_mmio_value;
	struct km_val has_private_mem, disable_nx_huge_pages, gfn_direct_bits;
	struct km_val indirect_shadow_pages;

	struct km_vcpu *vcpus; /* that could be found, by index */
	size_t vcpu_count;
	uint64_t vcpus_lost; /* online, yet their struct kvm_vcpu was not found or readable */
	char *trouble;	     /* what went wrong while reading this VM, or NULL */
};

struct km_vms {
	struct km_vm *vms;
	size_t count;
	char *trouble; /* the list of VMs itself is torn, and how; or NULL */
};

/*
 * Reads all VMs with their vCPUs (without their MMUs). What can't be read is said in trouble and in
 * the values themselves; the rest is there. Errors: interrupted, out of memory. The caller calls
 * km_vms_deinit() in either case.
 */
km_error *km_vms_read(const struct km_kernel *kernel, struct km_vms *vms);
void km_vms_deinit(struct km_vms *vms);

/* km_vcpu_find_thread() of all vCPUs: for those who look at threads. */
void km_vms_find_threads(const struct km_kernel *kernel, struct km_vms *vms);

/* The masks with the VM's own MMIO value, where it has one. */
struct km_spte_masks km_vm_masks(const struct km_kernel *kernel, const struct km_vm *vm);

#endif
