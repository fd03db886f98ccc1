/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * struct kvm_page_fault on the stack of a vCPU's thread, where nothing points to it: recognised by
 * its own consistency.
 */
#ifndef KVMMMU_PAGE_FAULT_ON_STACK_H
#define KVMMMU_PAGE_FAULT_ON_STACK_H

#include "last_fault.h"

/* What may lie about on one stack at most. */
#define KM_PAGE_FAULTS 4

struct km_page_faults {
	uint64_t at[KM_PAGE_FAULTS]; /* addresses, from low to high */
	size_t count;
};

/*
 * The places on @stack where there is one, above or below its live part. Errors: Ctrl-C. Of a
 * capsule: those that were found when it was made.
 */
km_error *km_page_faults_find(const struct km_kernel *kernel, const struct km_vm *vm,
			      const struct km_stack *stack, struct km_page_faults *found);

/* The struct at @address. */
void km_page_fault_read(const struct km_kernel *kernel, uint64_t address, struct km_page_fault *pf);

/* What a fault of this VM has to agree with. */
struct km_page_fault_host {
	bool tdp;	      /* the host uses TDP */
	uint64_t direct_bits; /* kvm.arch.gfn_direct_bits */
	uint64_t seq;	      /* kvm.mmu_invalidate_seq, which only grows */
};

/*
 * Is it one that KVM made? Every part has to agree with the others: access bits with the error
 * code, levels, gfn with the address, the slot (which begins at gfn *@slot_base) with the gfn. A
 * slot that is not readable does not speak against it.
 */
bool km_page_fault_plausible(const struct km_page_fault *pf, const struct km_page_fault_host *host,
			     const struct km_val *slot_base, const struct km_val *slot_npages);

/*
 * Of one that is not in a handler's hands: may its address still be to come? The compiler fills it
 * in as it likes, and 0 fits a gfn of 0; a memslot is looked up only when the address is there.
 */
bool km_page_fault_half_written(const struct km_page_fault *pf);

/* How old the struct at @address is, by where on @stack it lies; *@frame is the one that has it. */
enum km_fault_age km_page_fault_age(const struct km_stack *stack, uint64_t address, uint32_t size,
				    const struct km_frame **frame);

#endif
