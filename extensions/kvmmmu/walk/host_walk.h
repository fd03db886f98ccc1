/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's page tables of the VMM: how is a host-virtual address mapped? */
#ifndef KVMMMU_HOST_WALK_H
#define KVMMMU_HOST_WALK_H

#include "kvm/vm.h"

struct km_host_pte {
	bool known;	   /* all entries are readable */
	bool present;	   /* a page is mapped */
	bool writable;	   /* W is set in all entries */
	uint64_t value;	   /* of the last entry */
	int level;	   /* of the last entry */
	uint64_t table_pa; /* of the page table that contains it; 0: it is in the PGD */
	uint64_t pa;	   /* of the byte, if present */
};

/* PTE markers of the kernel; see host_entry.h. */
#define PTE_MARKER_POISONED KM_BIT(1) /* UFFDIO_POISON, or a page that was lost: SIGBUS */
#define PTE_MARKER_GUARD    KM_BIT(2) /* MADV_GUARD_INSTALL: SIGSEGV */

/*
 * The PTE_MARKER_* bits of an entry that is not present and a marker, which maps no page and
 * no pfn; 0 for any other.
 */
uint64_t km_host_pte_marker(uint64_t entry);

/* The number of levels of the host's page tables: 4 or 5. */
int km_host_top_level(const struct km_kernel *kernel);

/*
 * Walk @hva in the page tables of the process that owns @vm (kvm.mm). If no page is mapped, the
 * kernel may still have one for this address, or make one.
 */
struct km_host_pte km_host_walk(const struct km_kernel *kernel, const struct km_vm *vm,
				uint64_t hva);

#endif
