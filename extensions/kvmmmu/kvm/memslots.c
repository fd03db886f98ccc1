// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/memslots.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* KVM allows 32764 user slots; a red-black tree of them is less deep than this. */
#define MAX_SLOTS 65536
#define MAX_DEPTH 64
#define MAX_GFN	  (1ULL << 52 >> KM_PAGE_SHIFT)
/* userspace may set the lower 16 bits; KVM_MEMSLOT_INVALID and KVM_MEMSLOT_GMEM_ONLY */
#define KNOWN_FLAGS 0x3ffffULL

const struct km_bit_name *km_memslot_flag_names(size_t *count)
{
	static const struct km_bit_name names[] = {
		{KVM_MEM_LOG_DIRTY_PAGES, "D", "LOG_DIRTY_PAGES", "dirty logging"},
		{KVM_MEM_READONLY, "R", "READONLY", "read-only for the guest"},
		{KVM_MEM_GUEST_MEMFD, "G", "GUEST_MEMFD", "private memory from guest_memfd"},
		{KVM_MEMSLOT_INVALID, "I", "INVALID", "being deleted or moved"},
		{KVM_MEMSLOT_GMEM_ONLY, "g", "GMEM_ONLY", "all memory from guest_memfd"},
	};

	*count = sizeof(names) / sizeof(names[0]);
	return names;
}

/* Slots do not overlap, and come in order; all flags are known. */
static bool is_possible(const struct km_memslots *slots, uint64_t base, uint64_t npages,
			uint64_t hva, uint64_t flags)
{
	const struct km_memslot *last = slots->count ? &slots->slots[slots->count - 1] : NULL;

	return npages && npages <= MAX_GFN && base <= MAX_GFN - npages && !(flags & ~KNOWN_FLAGS) &&
	       !km_is_kernel_address(hva) && (!last || base >= last->base_gfn + last->npages);
}

static km_error *add_slot(const struct km_kernel *k, uint64_t addr, struct km_memslots *slots)
{
	struct km_val base = km_kget(k, addr, KM_M_kvm_memory_slot_base_gfn);
	struct km_val npages = km_kget(k, addr, KM_M_kvm_memory_slot_npages);
	struct km_val flags = km_kget(k, addr, KM_M_kvm_memory_slot_flags);
	struct km_val hva = km_kget(k, addr, KM_M_kvm_memory_slot_userspace_addr);
	struct km_val id = km_kget(k, addr, KM_M_kvm_memory_slot_id);
	struct km_memslot *grown;

	if (!km_is_known(base) || !km_is_known(npages) || !km_is_known(flags) ||
	    !km_is_known(hva) || !km_is_known(id))
		return km_errorf(KM_EREAD, "memslot at 0x%" PRIx64 " is not readable", addr);
	if (!is_possible(slots, base.v, npages.v, hva.v, flags.v))
		return km_errorf(KM_EDATA, "memslot at 0x%" PRIx64 " is corrupt", addr);
	if (slots->count == MAX_SLOTS)
		return km_errorf(KM_EDATA, "the tree of memslots is corrupt: too many slots");
	grown = realloc(slots->slots, (slots->count + 1) * sizeof(*grown));
	if (!grown)
		return km_errorf(KM_ENOMEM, "out of memory");
	slots->slots = grown;
	grown[slots->count++] = (struct km_memslot){
		.addr = addr,
		.base_gfn = base.v,
		.npages = npages.v,
		.userspace_addr = hva.v,
		.flags = flags.v,
		.id = (int64_t)id.v,
		.dirty_bitmap = km_kget(k, addr, KM_M_kvm_memory_slot_dirty_bitmap).v,
	};
	return NULL;
}

/* Add the slots in gfn order. Depth and number are limited in case the tree is corrupt. */
static km_error *walk_tree(const struct km_kernel *k, uint64_t node, uint32_t to_node,
			   unsigned depth, struct km_memslots *slots)
{
	struct km_val left, right;
	km_error *err = km_check_interrupt(k->mem);

	if (err || !node)
		return err;
	if (depth == MAX_DEPTH)
		return km_errorf(KM_EDATA, "the tree of memslots is corrupt: a loop");
	left = km_kget(k, node, KM_M_rb_node_rb_left);
	right = km_kget(k, node, KM_M_rb_node_rb_right);
	if (!km_is_known(left) || !km_is_known(right))
		return km_errorf(KM_EREAD, "memslot tree node at 0x%" PRIx64 " is not readable",
				 node);
	err = walk_tree(k, left.v, to_node, depth + 1, slots);
	if (!err)
		err = add_slot(k, node - to_node, slots);
	if (!err)
		err = walk_tree(k, right.v, to_node, depth + 1, slots);
	return err;
}

/* Before 5.17: an array, highest gfn first. */
static km_error *read_array(const struct km_kernel *k, uint64_t memslots, uint64_t used,
			    struct km_memslots *slots)
{
	struct km_val array = km_addr_of(k->layout, memslots, KM_M_kvm_memslots_memslots);
	uint32_t size = km_layout_sizeof(k->layout, KM_T_kvm_memory_slot);

	if (!km_is_known(array) || !size)
		return km_errorf(KM_EABSENT, "the type information does not contain memslots");
	if (used > MAX_SLOTS)
		return km_errorf(KM_EDATA, "kvm_memslots.used_slots is %" PRIu64 ": corrupt?",
				 used);
	for (uint64_t i = used; i-- > 0;) {
		km_error *err = km_check_interrupt(k->mem);

		if (!err)
			err = add_slot(k, array.v + i * size, slots);
		if (err)
			return err;
	}
	return NULL;
}

/* Since 5.17: two trees, of which @node_idx is the active one. */
static km_error *read_tree(const struct km_kernel *k, const struct km_member *gfn_node,
			   uint64_t memslots, struct km_memslots *slots)
{
	struct km_val root = km_kget(k, memslots, KM_M_kvm_memslots_gfn_tree);
	struct km_val idx = km_kget(k, memslots, KM_M_kvm_memslots_node_idx);

	if (!km_is_known(root) || !km_is_known(idx) || idx.v > 1)
		return km_errorf(KM_EREAD, "struct kvm_memslots is not readable");
	return walk_tree(k, root.v, gfn_node->offset + idx.v * gfn_node->elem, 0, slots);
}

km_error *km_memslots_read(const struct km_kernel *k, uint64_t kvm, unsigned as_id,
			   struct km_memslots *slots)
{
	const struct km_member *gfn_node =
		km_layout_member(k->layout, KM_M_kvm_memory_slot_gfn_node);
	struct km_val memslots = km_kelem(k, kvm, KM_M_kvm_memslots, as_id);
	struct km_val used;
	km_error *err;

	memset(slots, 0, sizeof(*slots));
	slots->as_id = as_id;
	slots->generation.known = memslots.known;
	if (memslots.known == KM_ABSENT)
		return km_errorf(KM_EABSENT, "no address space %u", as_id);
	slots->generation = km_kget(k, memslots.v, KM_M_kvm_memslots_generation);
	used = km_kget(k, memslots.v, KM_M_kvm_memslots_used_slots);
	if (gfn_node)
		err = read_tree(k, gfn_node, memslots.v, slots);
	else if (km_is_known(used))
		err = read_array(k, memslots.v, used.v, slots);
	else
		err = km_errorf(KM_EREAD, "struct kvm_memslots is not readable");
	if (err && km_error_code(err) != KM_EINTR && km_error_code(err) != KM_ENOMEM &&
	    km_error_code(err) != KM_ELIMIT) {
		slots->trouble = strdup(km_error_text(err));
		km_error_free(err);
		err = NULL;
	}
	return err;
}

void km_memslots_deinit(struct km_memslots *slots)
{
	free(slots->slots);
	free(slots->trouble);
	memset(slots, 0, sizeof(*slots));
}

const struct km_memslot *km_gfn_to_memslot(const struct km_memslots *slots, uint64_t gfn)
{
	for (size_t i = 0; i < slots->count; i++) {
		const struct km_memslot *slot = &slots->slots[i];

		if (gfn >= slot->base_gfn && gfn - slot->base_gfn < slot->npages)
			return slot;
	}
	return NULL;
}
