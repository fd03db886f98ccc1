/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What KVM keeps about one gfn beside its SPTEs. */
#ifndef KVMMMU_GFN_STATE_H
#define KVMMMU_GFN_STATE_H

#include "memslots.h"
#include "vm.h"

/* kvm_memory_attributes.attributes, include/uapi/linux/kvm.h */
#define KVM_MEMORY_ATTRIBUTE_PRIVATE KM_BIT(3)

/* kvm_get_memory_attributes(): KM_ABSENT on kernels that have none. */
struct km_val km_gfn_attributes(const struct km_kernel *kernel, const struct km_vm *vm,
				uint64_t gfn);

/*
 * How often the gfn is write-tracked: kvm_arch_memory_slot.gfn_write_track[], a u16 each (before
 * 6.5 gfn_track[KVM_PAGE_TRACK_WRITE]). 0 and known where the slot has no such array.
 */
struct km_val km_gfn_write_track(const struct km_kernel *kernel, const struct km_memslot *slot,
				 uint64_t gfn);

/* Shadow pages of a guest's page table. */
struct km_shadow_pages {
	bool known;	/* the whole hash bucket was read */
	unsigned count; /* valid ones that shadow the gfn */
	uint64_t first; /* address of one of them */
	unsigned level; /* its */
};

/*
 * The indirect kvm_mmu_pages of the VM that shadow @gfn. Mirrors
 * for_each_gfn_valid_sp_with_gptes().
 */
struct km_shadow_pages km_gfn_shadow_pages(const struct km_kernel *kernel, const struct km_vm *vm,
					   uint64_t gfn);

#endif
