/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Virtual machines: struct kvm, its owner, its vCPUs. */
#ifndef KVMMMU_VM_H
#define KVMMMU_VM_H

#include "kvm/vcpu.h"

/* kvm_arch.vm_type, arch/x86/include/uapi/asm/kvm.h */
enum {
	KM_VM_DEFAULT,
	KM_VM_SW_PROTECTED,
	KM_VM_SEV,
	KM_VM_SEV_ES,
	KM_VM_SNP,
	KM_VM_TDX,
};

/* Return the name of @vm_type, "default", "SEV", ...; NULL if unknown. */
const char *km_vm_type_name(uint64_t vm_type);

struct km_vm {
	uint64_t addr;	   /* of struct kvm */
	unsigned number;   /* position in vm_list; 0: the oldest VM */
	struct km_val mm;  /* mm_struct of the process that owns it */
	struct km_val pid; /* thread group of the owner */
	uint64_t owner;	   /* task_struct; 0 if unknown */
	char comm[17];	   /* of the owner; "" if unknown */
	struct km_val online_vcpus, created_vcpus;
	struct km_val mmu_invalidate_seq, mmu_invalidate_in_progress;
	struct km_val mmu_invalidate_range_start, mmu_invalidate_range_end;
	struct km_val mn_active_invalidate_count;
	struct km_val vm_bugged, vm_dead;
	struct km_val vm_type, tdp_mmu_enabled, mmu_valid_gen, shadow_mmio_value;
	struct km_val has_private_mem, disable_nx_huge_pages, gfn_direct_bits;
	struct km_val indirect_shadow_pages;

	struct km_vcpu *vcpus; /* those that were found, sorted by index */
	size_t vcpu_count;
	size_t places;	     /* of kvm.vcpu_array that may have a vCPU */
	bool left_out;	     /* the capsule was made of another VM: only its counters are in it */
	uint64_t vcpus_lost; /* online vCPUs whose struct kvm_vcpu was not found or readable */
	char *trouble;	     /* why the VM is incomplete, or NULL */
	struct km_contradictions contradictions;
};

struct km_vms {
	struct km_vm *vms;
	size_t count;
	char *trouble; /* why the list of VMs is incomplete, or NULL */
};

/*
 * Read all VMs and their vCPUs, without their MMUs. What cannot be read is in @trouble and in the
 * values themselves. Errors: Ctrl-C, out of memory. Call km_vms_deinit() in any case.
 */
km_error *km_vms_read(const struct km_kernel *kernel, struct km_vms *vms);
void km_vms_deinit(struct km_vms *vms);

/* Call km_vcpu_find_thread() for all vCPUs. */
void km_vms_find_threads(const struct km_kernel *kernel, struct km_vms *vms);

/*
 * Does the VM use the TDP MMU for its direct page tables? kvm.arch.tdp_mmu_enabled, or the variable
 * tdp_mmu_enabled in kernels without it.
 */
struct km_val km_vm_has_tdp_mmu(const struct km_kernel *kernel, const struct km_vm *vm);

/* The SPTE masks of the VM: the kernel's, with shadow_mmio_value and gfn_direct_bits of kvm_arch.
 */
struct km_spte_masks km_vm_masks(const struct km_kernel *kernel, const struct km_vm *vm);

#endif
