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

#endif
