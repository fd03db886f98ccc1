/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What KVM stores about a gfn outside of its SPTEs: attributes, write tracking, shadow pages. */
#ifndef KVMMMU_GFN_STATE_H
#define KVMMMU_GFN_STATE_H

#include "kvm/memslots.h"
#include "kvm/vm.h"

/* kvm_memory_attributes.attributes, include/uapi/linux/kvm.h */
#define KVM_MEMORY_ATTRIBUTE_PRIVATE KM_BIT(3)

/* kvm_get_memory_attributes(). KM_ABSENT: this kernel has no memory attributes. */
struct km_val km_gfn_attributes(const struct km_kernel *kernel, const struct km_vm *vm,
				uint64_t gfn);

/*
 * The write-track count of the gfn in @slot of address space @as_id: an element of
 * kvm_arch_memory_slot.gfn_write_track[] (before 6.5 gfn_track[KVM_PAGE_TRACK_WRITE]). If it is 0,
 * that of the other address space where the kernel checks both (6.12). Mirrors
 * kvm_gfn_is_write_tracked(), which only asks whether it is 0.
 */
struct km_val km_gfn_write_track(const struct km_kernel *kernel, const struct km_vm *vm,
				 unsigned as_id, const struct km_memslot *slot, uint64_t gfn);

/* May km_gfn_write_track() be other than 0 for gfns of @slot? Only if there is an array. */
bool km_slot_has_write_track(const struct km_kernel *kernel, const struct km_memslot *slot);

/* The shadow pages of one page table of the guest. */
struct km_shadow_pages {
	bool known;	/* the whole hash bucket was read */
	unsigned count; /* valid ones that shadow the gfn */
	uint64_t first; /* address of the first kvm_mmu_page */
	unsigned level; /* of @first */
};

/*
 * Find the indirect kvm_mmu_pages of the VM that shadow @gfn. Mirrors
 * for_each_gfn_valid_sp_with_gptes().
 */
struct km_shadow_pages km_gfn_shadow_pages(const struct km_kernel *kernel, const struct km_vm *vm,
					   uint64_t gfn);

#endif
