/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a stack still shows around a struct kvm_page_fault that no active frame contains: whether it
 * lies in the frame of the function that passed it to a handler, whether the frames above it are
 * intact, and which SPTE kvm_tdp_mmu_map() found. These are facts; diagnose weighs them.
 */
#ifndef KVMMMU_FAULT_PLACE_H
#define KVMMMU_FAULT_PLACE_H

#include "kvm/mmu.h"
#include "threads/stack.h"

/*
 * Find it for the struct of @size bytes at @at on @stack, whose gfn is @gfn. km_text_read() was
 * called before. Only the stack, the code and ORC tables of the target are read.
 */
struct km_fault_place km_fault_place_find(const struct km_kernel *kernel,
					  const struct km_stack *stack, uint64_t at, uint32_t size,
					  struct km_val gfn);

/* Is @name a function whose frame contains a struct kvm_page_fault? */
bool km_owns_page_fault(const char *name);

#endif
