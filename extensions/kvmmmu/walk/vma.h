/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mapping of a process at an address: mm_struct.mm_mt, the maple tree of VMAs (since 6.1), or
 * mm_rb, an rb-tree.
 */
#ifndef KVMMMU_VMA_H
#define KVMMMU_VMA_H

#include "kernel/kernel.h"

/* vm_area_struct.vm_flags; macros of include/linux/mm.h */
#define VM_READ	  KM_BIT(0)
#define VM_WRITE  KM_BIT(1)
#define VM_EXEC	  KM_BIT(2)
#define VM_SHARED KM_BIT(3)
#define VM_PFNMAP KM_BIT(10)
#define VM_IO	  KM_BIT(14)

struct km_vma {
	bool known;    /* the tree is readable for this address */
	uint64_t addr; /* of vm_area_struct; 0 and known: nothing is mapped there */
	struct km_val start, end, flags;
	struct km_val file;	   /* vm_file: 0 if anonymous */
	struct km_val userfaultfd; /* vm_userfaultfd_ctx.ctx: not 0 if registered */
	char trouble[96];	   /* why it is not known */
};

/* Mirrors vma_lookup(). The only error is Ctrl-C; see vma->known and trouble for all else. */
km_error *km_vma_lookup(const struct km_kernel *kernel, uint64_t mm, uint64_t addr,
			struct km_vma *vma);

#endif
