/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pages in the dirty rings of a VM's vCPUs. virt/kvm/dirty_ring.c. */
#ifndef KVMMMU_DIRTY_RINGS_H
#define KVMMMU_DIRTY_RINGS_H

#include "kvm/memslots.h"
#include "kvm/vm.h"

struct km_dirty_rings {
	bool read;	/* km_dirty_rings_read() was called */
	bool known;	/* all rings of all vCPUs were read */
	uint64_t *gfns; /* of memslots: id << 40 | offset in the slot, in ascending order */
	size_t count;
};

/*
 * Read the entries between reset_index and dirty_index of all vCPUs: what was pushed and is not
 * write-protected again. What is not readable is in rings->known. Errors: Ctrl-C, out of memory,
 * limits. Call km_dirty_rings_deinit() in any case.
 */
km_error *km_dirty_rings_read(const struct km_kernel *kernel, const struct km_vm *vm,
			      struct km_dirty_rings *rings);
void km_dirty_rings_deinit(struct km_dirty_rings *rings);

/* Is @gfn of @slot, in address space @as_id, among them? */
bool km_dirty_rings_have(const struct km_dirty_rings *rings, unsigned as_id,
			 const struct km_memslot *slot, uint64_t gfn);

#endif
