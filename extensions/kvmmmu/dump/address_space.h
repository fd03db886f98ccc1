/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Translates kernel addresses by the kernel's page tables, for hosts with only physical memory. */
#ifndef KVMMMU_ADDRESS_SPACE_H
#define KVMMMU_ADDRESS_SPACE_H

#include "base/memory.h"

struct km_address_space {
	struct km_target *target; /* only its read_phys() is called */
	struct km_memory *tables; /* cached page-table pages */
	uint64_t pgd;		  /* physical address of the top-level table */
	uint64_t address_mask;	  /* address bits of an entry, without the C bit of SME */
	int levels;		  /* 4 or 5 */
};

/*
 * Use the kernel's init_top_pgt, whose address is in VMCOREINFO. KM_EDATA if it is not there. Free
 * it with km_address_space_deinit().
 */
km_error *km_address_space_init(struct km_address_space *as, struct km_target *target,
				const char *vmcoreinfo);

/* Use the top-level table at physical address @pgd. */
km_error *km_address_space_init_pgd(struct km_address_space *as, struct km_target *target,
				    uint64_t pgd, int levels, uint64_t address_mask);

void km_address_space_deinit(struct km_address_space *as);

/*
 * Read @len bytes at @va, all or nothing. KM_EREAD: not mapped, or not in the dump. Physically
 * contiguous bytes are read in one call.
 */
km_error *km_address_space_read(struct km_address_space *as, uint64_t va, void *buf, size_t len);

/*
 * Translate @va. *@left is the number of bytes from there to the end of the mapping. KM_EREAD: not
 * mapped, or a page table is not in the dump.
 */
km_error *km_address_space_translate(struct km_address_space *as, uint64_t va, uint64_t *pa,
				     uint64_t *left);

#define KM_START_KERNEL_MAP UINT64_C(0xffffffff80000000)

#endif
