/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pages in the dirty rings of a VM's vCPUs. virt/kvm/dirty_ring.c. */
#ifndef KVMMMU_DIRTY_RINGS_H
#define KVMMMU_DIRTY_RINGS_H

#include "kvm/logged_pages.h"
#include "kvm/memslots.h"

/*
 * Read the entries between reset_index and dirty_index of all vCPUs: what was pushed and is not
 * write-protected again, as id of the memslot << 40 | offset in it. As km_logged_pages_read(), with
 * the errors of km_logged_pages_room().
 */
km_error *km_dirty_rings_read(const struct km_kernel *kernel, const struct km_vm *vm,
			      struct km_logged_pages *rings);

/* Is @gfn of @slot, in address space @as_id, among them? */
bool km_dirty_rings_have(const struct km_logged_pages *rings, unsigned as_id,
			 const struct km_memslot *slot, uint64_t gfn);

#endif
