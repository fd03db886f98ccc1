/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds a Linux kernel in memory without any description, wherever KASLR put it. */
#ifndef KVMMMU_FIND_KERNEL_H
#define KVMMMU_FIND_KERNEL_H

#include "dump/address_space.h"

#define KM_VMCOREINFO_MAX 4096 /* VMCOREINFO_BYTES */

#define KM_LOW_MEMORY 0xa0000ULL

/*
 * Find the next top-level page table that maps the kernel, below physical address *@pa, which is
 * KM_LOW_MEMORY in the first call. trampoline_pgd, which CPUs use to leave real mode, stays below
 * 1 MB forever, near the end. *@pa is set to its address, *@levels to its number of levels.
 * KM_EABSENT: there are no more.
 */
km_error *km_find_page_tables(struct km_memory *phys, uint64_t *pa, int *levels);

/*
 * Find the text of VMCOREINFO, which kernel/vmcore_info.c keeps in a page of its own. Follow all
 * pointers in the kernel image, from its end, where .bss is. *@image is the start of the image, 0
 * if it is not mapped. KM_EABSENT: no pointer leads to VMCOREINFO.
 */
km_error *km_find_vmcoreinfo(struct km_target *target, char text[KM_VMCOREINFO_MAX + 1],
			     uint64_t *image);

/*
 * Read the text of VMCOREINFO through the pointer at address @variable (vmcoreinfo_data). KM_EDATA:
 * it does not point to VMCOREINFO.
 */
km_error *km_read_vmcoreinfo(struct km_target *target, uint64_t variable,
			     char text[KM_VMCOREINFO_MAX + 1]);

#endif
