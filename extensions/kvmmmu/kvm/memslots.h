/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memslots: which guest-physical ranges are backed by memory. virt/kvm/kvm_main.c. */
#ifndef KVMMMU_MEMSLOTS_H
#define KVMMMU_MEMSLOTS_H

#include "kernel/kernel.h"

/* kvm_memory_slot.flags; macros of include/uapi/linux/kvm.h and include/linux/kvm_host.h */
#define KVM_MEM_LOG_DIRTY_PAGES KM_BIT(0)
#define KVM_MEM_READONLY	KM_BIT(1)
#define KVM_MEM_GUEST_MEMFD	KM_BIT(2)
#define KVM_MEMSLOT_INVALID	KM_BIT(16)
#define KVM_MEMSLOT_GMEM_ONLY	KM_BIT(17)

/* kvm_memslots.generation: bit 63 is set during an update, bit 0 is the address space */
#define KVM_MEMSLOT_GEN_UPDATE_IN_PROGRESS KM_BIT(63)

/* Return the flags and their names. *@count is set to their number. */
const struct km_bit_name *km_memslot_flag_names(size_t *count);

struct km_memslot {
	uint64_t addr;		   /* of struct kvm_memory_slot */
	uint64_t base_gfn, npages; /* in pages */
	uint64_t userspace_addr;   /* HVA of base_gfn */
	uint64_t flags;
	int64_t id;
	uint64_t dirty_bitmap; /* address; 0: none, or not readable */
};

struct km_memslots {
	unsigned as_id; /* address space; 1: SMM */
	struct km_val generation;
	struct km_memslot *slots; /* sorted by gfn */
	size_t count;
	char *trouble; /* why the list is incomplete, or NULL */
};

/*
 * Read the active memslots of address space @as_id of the VM at @kvm (struct kvm). KM_EABSENT:
 * there is no such address space. Call km_memslots_deinit() in any case.
 */
km_error *km_memslots_read(const struct km_kernel *kernel, uint64_t kvm, unsigned as_id,
			   struct km_memslots *slots);
void km_memslots_deinit(struct km_memslots *slots);

/* Return the slot that contains @gfn, or NULL. Mirrors gfn_to_memslot(). */
const struct km_memslot *km_gfn_to_memslot(const struct km_memslots *slots, uint64_t gfn);

/* The number of @gfn's page of @level within a slot that begins at @base_gfn: gfn_to_index(). */
static inline uint64_t km_gfn_to_index(uint64_t gfn, uint64_t base_gfn, int level)
{
	unsigned shift = 9 * (unsigned)(level - 1);

	return (gfn >> shift) - (base_gfn >> shift);
}

#endif
