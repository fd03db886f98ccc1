/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * struct kvm_page_fault on the stack of a vCPU's thread. Nothing points to it: it is recognized by
 * the consistency of its members.
 */
#ifndef KVMMMU_PAGE_FAULT_ON_STACK_H
#define KVMMMU_PAGE_FAULT_ON_STACK_H

#include "kvm/mmu.h"
#include "threads/stack.h"

enum km_fault_age {
	KM_AGE_IN_HANDLER, /* KVM is handling it */
	KM_AGE_LAST_EXIT,  /* may have been fixed since */
	KM_AGE_RESIDUE,	   /* left over from an earlier one */
	KM_AGE_UNKNOWN,
	KM_AGE_RECORDED, /* before the dump, by a tracer */
};

/* A struct kvm_page_fault and its address. */
struct km_page_fault {
	uint64_t address; /* on the stack; 0: there is none */
	/* prefetch, by kvm_arch_async_page_ready(): KVM does not repeat it, unlike a prefault */
	bool async_ready;
#define KM_PAGE_FAULT_FIELD(name) struct km_val name;
	KM_PAGE_FAULT_FIELDS(KM_PAGE_FAULT_FIELD)
#undef KM_PAGE_FAULT_FIELD
};

/*
 * Find them on @stack, active or not. For a capsule: those that were found when it was made. The
 * only error is Ctrl-C.
 */
km_error *km_page_faults_find(const struct km_kernel *kernel, const struct km_vm *vm,
			      const struct km_stack *stack, struct km_page_faults *found);

/* Read the struct at @address. */
void km_page_fault_read(const struct km_kernel *kernel, uint64_t address, struct km_page_fault *pf);

/*
 * Is the struct at @pf->address one that KVM made for this VM? Read what km_page_fault_plausible()
 * needs.
 */
bool km_page_fault_is_plausible(const struct km_kernel *kernel, const struct km_vm *vm,
				const struct km_page_fault *pf);

/* What a fault of this VM has to be consistent with. */
struct km_page_fault_host {
	bool tdp;	      /* the host uses TDP */
	uint64_t direct_bits; /* kvm.arch.gfn_direct_bits */
	uint64_t seq;	      /* kvm.mmu_invalidate_seq, which only grows */
};

/*
 * Is it a struct that KVM initialized? The access bits have to match the error code, gfn and levels
 * the address, and the slot, which starts at gfn *@slot_base, the gfn. If the slot is not readable,
 * it is not checked.
 */
bool km_page_fault_plausible(const struct km_page_fault *pf, const struct km_page_fault_host *host,
			     const struct km_val *slot_base, const struct km_val *slot_npages);

/*
 * May the struct be only partly initialized? For a struct that no handler has received yet, the
 * order in which the compiler stores its members is not known, and address 0 matches gfn 0. The
 * memslot is looked up when the address is set.
 */
bool km_page_fault_half_written(const struct km_page_fault *pf);

/*
 * The age of the struct at @address, from its place on @stack. *@frame is set to the frame that
 * contains it, or NULL.
 */
enum km_fault_age km_page_fault_age(const struct km_stack *stack, uint64_t address, uint32_t size,
				    const struct km_frame **frame);

/*
 * The MMU context that the fault belongs to, or NULL. With TDP (@tdp), is_tdp selects it: it is set
 * for root_mmu, not for guest_mmu. The active context is another one once the fault is being
 * injected into L1 by a nested VM exit. Without TDP it is the active one while the fault is
 * handled. For an older fault, only root_mmu is known: guest_mmu may have had another root.
 */
const struct km_mmu *km_page_fault_mmu(const struct km_vcpu_mmu *all,
				       const struct km_page_fault *pf, enum km_fault_age age,
				       bool tdp);

#endif
