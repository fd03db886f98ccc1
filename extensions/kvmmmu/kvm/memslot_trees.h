/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The three ways to find a memslot, by gfn, HVA and id, which must agree. virt/kvm/kvm_main.c. */
#ifndef KVMMMU_MEMSLOT_TREES_H
#define KVMMMU_MEMSLOT_TREES_H

#include "kvm/memslots.h"

/*
 * Compare the interval tree of HVAs and the hash table of ids of @slots' address space of the VM at
 * @kvm with @slots, which were found by gfn. KM_KNOWN and 1: they agree; 0: they do not, and @why
 * says how. KM_ABSENT: the kernel has neither (before 5.17). Mirrors kvm_replace_memslot().
 */
struct km_val km_memslot_trees_agree(const struct km_kernel *kernel, uint64_t kvm,
				     const struct km_memslots *slots, char *why, size_t size);

#endif
