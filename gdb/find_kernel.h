/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding a Linux kernel, wherever KASLR put it, in memory that nobody describes. */
#ifndef KVMMMU_FIND_KERNEL_H
#define KVMMMU_FIND_KERNEL_H

#include "../extensions/kvmmmu/address_space.h"

#define VMCOREINFO_MAX 4096 /* VMCOREINFO_BYTES */

#define LOW_MEMORY 0xa0000ULL

/*
 * A top-level page table with the kernel's half in it, below *@pa in physical memory, which is
 * LOW_MEMORY at first: trampoline_pgd, by which CPUs come out of real mode, is below 1 MB for ever,
 * near the end. *@pa is where, *@levels how many levels. KM_EABSENT: there is none (any more).
 */
km_error *find_page_tables(struct km_memory *phys, uint64_t *pa, int *levels);

/*
 * The text of VMCOREINFO, which kernel/vmcore_info.c keeps in a page of its own: by the pointer to
 * it in the kernel's image, which is looked through from its end, where .bss is. Reads kernel
 * addresses of @target. KM_EABSENT: no pointer leads there; *@image is where the image begins, 0 if
 * not even that is mapped.
 */
km_error *find_vmcoreinfo(struct km_target *target, char text[VMCOREINFO_MAX + 1], uint64_t *image);

/* The same by its address in the pointer @variable (vmcoreinfo_data). KM_EDATA: it is not there. */
km_error *read_vmcoreinfo(struct km_target *target, uint64_t variable,
			  char text[VMCOREINFO_MAX + 1]);

#endif
