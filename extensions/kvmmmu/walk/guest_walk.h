/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's own page tables under an indirect MMU, as FNAME(walk_addr) reads them: through
 * memslots and the host's page tables to guest memory, as far as the dump has it. Guest memory is
 * in no capsule.
 */
#ifndef KVMMMU_GUEST_WALK_H
#define KVMMMU_GUEST_WALK_H

#include "memslots.h"
#include "mmu.h"

enum km_guest_end {
	KM_GUEST_OPEN,	 /* the dump does not have what is needed: see why */
	KM_GUEST_MAPPED, /* a leaf that permits the access */
	KM_GUEST_FAULTS, /* the guest's tables do not map it or forbid the access */
};

struct km_guest_walk {
	enum km_guest_end end;
	int level;		/* of the last entry that was read, or could not be */
	uint64_t pte;		/* the last one that was read */
	uint64_t gfn;		/* KM_GUEST_MAPPED */
	unsigned access;	/* ACC_* of KM_ACC_RWUX: what the entries permit together */
	uint64_t table_gfns[5]; /* of the tables on the way, by level - 1 */
	int top;		/* level of the first table */
	char why[120];		/* one phrase */
};

/*
 * Walks @addr in the tables that @mmu shadows. @all has the permission table of the walk. Errors:
 * Ctrl-C.
 */
km_error *km_guest_walk(const struct km_kernel *kernel, const struct km_vm *vm,
			const struct km_vcpu_mmu *all, const struct km_mmu *mmu,
			const struct km_memslots *slots, uint64_t addr, uint64_t error_code,
			struct km_guest_walk *walk);

#endif
