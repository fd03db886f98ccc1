/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walk the guest's page tables under an indirect MMU, through memslots and the host's page tables,
 * if the dump contains guest memory. A capsule never does. Mirrors FNAME(walk_addr).
 */
#ifndef KVMMMU_GUEST_WALK_H
#define KVMMMU_GUEST_WALK_H

#include "kvm/memslots.h"
#include "kvm/mmu.h"

enum km_guest_end {
	KM_GUEST_OPEN,	 /* something is not in the dump: see why */
	KM_GUEST_MAPPED, /* a leaf that permits the access */
	KM_GUEST_FAULTS, /* the guest's tables do not map the address, or forbid the access */
};

struct km_guest_walk {
	enum km_guest_end end;
	int level;		/* of the last entry, or the one that is not readable */
	uint64_t pte;		/* the last one that was read */
	uint64_t gfn;		/* KM_GUEST_MAPPED */
	unsigned access;	/* ACC_* of KM_ACC_RWUX: the rights of all entries combined */
	uint64_t table_gfns[5]; /* the guest's tables, by level - 1 */
	int top;		/* level of the first table */
	char why[120];		/* one phrase */
};

/*
 * Walk @addr in the guest tables that @mmu shadows. @all contains the permission table for the
 * walk. The only error is Ctrl-C.
 */
km_error *km_guest_walk(const struct km_kernel *kernel, const struct km_vm *vm,
			const struct km_vcpu_mmu *all, const struct km_mmu *mmu,
			const struct km_memslots *slots, uint64_t addr, uint64_t error_code,
			struct km_guest_walk *walk);

/* How the entries of a guest's page tables are read. */
struct km_gpte_format {
	bool ept;  /* those of a nested hypervisor on Intel */
	bool mbec; /* likewise: bit 10 is a permission */
	bool pse;  /* 4-byte entries: CR4.PSE */
};

/* An entry of a guest's page table. */
struct km_gpte {
	bool present;
	bool leaf; /* it maps memory, and not a page table */
	uint64_t gfn;
};

/* Return how the tables that @mmu shadows are read; false: the guest's paging mode is not known. */
bool km_gpte_format(const struct km_mmu *mmu, struct km_gpte_format *format);

/*
 * Decode the entry that entry @index of a shadow page with @role shadows, above level 1. @table:
 * the 4096 bytes of the guest's page table. gfn: of the page table or, of a leaf, the first that
 * the shadow page's entry maps.
 */
struct km_gpte km_gpte_decode(const struct km_gpte_format *format, const struct km_page_role *role,
			      const uint8_t *table, unsigned index);

/* Read the guest's page table at @gfn; return false if it is not known. A capsule has none. */
bool km_guest_table_read(const struct km_kernel *kernel, const struct km_vm *vm,
			 const struct km_memslots *slots, uint64_t gfn,
			 uint8_t table[KM_PAGE_SIZE]);

#endif
