/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernel addresses by the kernel's own page tables, for hosts that only have physical memory. */
#ifndef KVMMMU_ADDRESS_SPACE_H
#define KVMMMU_ADDRESS_SPACE_H

#include "memory.h"

struct km_address_space {
	struct km_target *target; /* of which only read_phys() is asked */
	struct km_memory *tables; /* page-table pages, each read once; km_memory_forget() is fine */
	uint64_t pgd;		  /* physical address of the top level */
	uint64_t address_mask;	  /* bits of an entry that are its address: not SME's C bit */
	int levels;		  /* 4 or 5 */
};

/* As init_top_pgt maps it, found by VMCOREINFO. KM_EDATA if that does not tell where it is. */
km_error *km_address_space_init(struct km_address_space *as, struct km_target *target,
				const char *vmcoreinfo);

/* Likewise, by a top-level table that was found otherwise. */
km_error *km_address_space_init_pgd(struct km_address_space *as, struct km_target *target,
				    uint64_t pgd, int levels, uint64_t address_mask);

void km_address_space_deinit(struct km_address_space *as);

/* Reads @len bytes at @va, all or nothing: KM_EREAD; physically contiguous ones in one call. */
km_error *km_address_space_read(struct km_address_space *as, uint64_t va, void *buf, size_t len);

/* Physical address of @va; *@left is how many bytes follow in the same mapping. KM_EREAD. */
km_error *km_address_space_translate(struct km_address_space *as, uint64_t va, uint64_t *pa,
				     uint64_t *left);

#define KM_START_KERNEL_MAP UINT64_C(0xffffffff80000000)

#endif
