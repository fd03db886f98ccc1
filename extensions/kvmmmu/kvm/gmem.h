/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pages of guest_memfd: virt/kvm/guest_memfd.c. */
#ifndef KVMMMU_GMEM_H
#define KVMMMU_GMEM_H

#include "kvm/memslots.h"
#include "kvm/vm.h"

/* Does guest_memfd provide the memory at @gfn of @slot: 0 or 1? Mirrors kvm_mem_is_private() and
 * kvm_memslot_is_gmem_only(). */
struct km_val km_gfn_is_gmem(const struct km_kernel *kernel, const struct km_vm *vm,
			     const struct km_memslot *slot, uint64_t gfn);

/*
 * The pfn that the page cache of the slot's guest_memfd has for @gfn. KM_ABSENT: it has no page
 * there. Mirrors kvm_gmem_get_pfn().
 */
struct km_val km_gmem_pfn(const struct km_kernel *kernel, const struct km_memslot *slot,
			  uint64_t gfn);

#endif
