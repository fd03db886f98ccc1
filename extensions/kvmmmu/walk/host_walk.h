/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's own page tables of a VMM: is a host-virtual address mapped, and how? */
#ifndef KVMMMU_HOST_WALK_H
#define KVMMMU_HOST_WALK_H

#include "vm.h"

struct km_host_pte {
	bool known;	/* read down to the entry that decides */
	bool present;	/* maps a page */
	bool writable;	/* W is set on the whole way down */
	uint64_t value; /* of the last entry */
	int level;	/* its */
	uint64_t pa;	/* of the byte, if present */
};

/*
 * Walks @hva in the page tables of the process that owns @vm (kvm.mm). Nothing is faulted in: an
 * entry that is not present says only that the kernel has to look further.
 */
struct km_host_pte km_host_walk(const struct km_kernel *kernel, const struct km_vm *vm,
				uint64_t hva);

#endif
