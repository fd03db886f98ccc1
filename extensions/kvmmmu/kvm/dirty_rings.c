// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/dirty_rings.h"

#include "base/sorted.h"

#define KVM_DIRTY_RING_MAX_ENTRIES 65536 /* include/linux/kvm_dirty_ring.h */
#define SLOT_SHIFT		   40

/* struct kvm_dirty_gfn, include/uapi/linux/kvm.h */
struct dirty_gfn {
	uint32_t flags, slot;
	uint64_t offset;
};

/* Read a ring that holds @count entries from @first on. Return false if it is not readable. */
static bool read_ring(const struct km_kernel *k, uint64_t gfns, uint32_t size, uint32_t first,
		      uint32_t count, struct km_logged_pages *rings)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t at =
			gfns + (uint64_t)((first + i) & (size - 1)) * sizeof(struct dirty_gfn);
		struct dirty_gfn gfn;
		km_scoped_error *err = km_read_virt(k->mem, at, &gfn, sizeof(gfn));

		if (err)
			return false;
		rings->pages[rings->count++] = (uint64_t)gfn.slot << SLOT_SHIFT | gfn.offset;
	}
	return true;
}

static km_error *add_ring(const struct km_kernel *k, const struct km_vcpu *vcpu,
			  struct km_logged_pages *rings)
{
	struct km_val dirty = km_kget(k, vcpu->addr, KM_M_kvm_vcpu_dirty_index);
	struct km_val reset = km_kget(k, vcpu->addr, KM_M_kvm_vcpu_reset_index);
	struct km_val size = km_kget(k, vcpu->addr, KM_M_kvm_vcpu_dirty_ring_size);
	struct km_val gfns = km_kget(k, vcpu->addr, KM_M_kvm_vcpu_dirty_gfns);
	uint32_t count = (uint32_t)dirty.v - (uint32_t)reset.v;
	km_error *err;

	if (!km_is_known(dirty) || !km_is_known(reset) || !km_is_known(size) ||
	    !km_is_known(gfns) || !size.v || size.v > KVM_DIRTY_RING_MAX_ENTRIES ||
	    (size.v & (size.v - 1)) || count > size.v) {
		rings->known = false;
		return NULL;
	}
	if (!count)
		return NULL;
	err = km_logged_pages_room(k, count, rings);
	if (!err)
		rings->known &=
			read_ring(k, gfns.v, (uint32_t)size.v, (uint32_t)reset.v, count, rings);
	return err;
}

km_error *km_dirty_rings_read(const struct km_kernel *k, const struct km_vm *vm,
			      struct km_logged_pages *rings)
{
	return km_logged_pages_read(k, vm, add_ring, rings);
}

bool km_dirty_rings_have(const struct km_logged_pages *rings, unsigned as_id,
			 const struct km_memslot *slot, uint64_t gfn)
{
	uint64_t id = (uint64_t)as_id << 16 | (uint16_t)slot->id;
	uint64_t key = id << SLOT_SHIFT | (gfn - slot->base_gfn);

	return km_sorted_have(rings->pages, rings->count, key);
}
