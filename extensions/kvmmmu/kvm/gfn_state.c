// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/gfn_state.h"

#include "base/loop.h"
#include "kernel/xarray.h"

/* KVM_MMU_HASH_SHIFT; GOLDEN_RATIO_64 of include/linux/hash.h */
#define KVM_MMU_HASH_SHIFT 12
#define GOLDEN_RATIO_64	   0x61c8864680b583ebULL

/*
 * With in-place conversion guest_memfd keeps the attributes, not the VM. A kernel that can do that
 * and has no such parameter does it.
 */
static bool are_attributes_elsewhere(const struct km_kernel *k)
{
	struct km_val in_place = km_kernel_variable(k, "gmem_in_place_conversion", 1);

	if (in_place.known == KM_ABSENT)
		return km_has(k->layout, KM_M_gmem_inode_attributes);
	return in_place.known == KM_UNREADABLE || in_place.v;
}

struct km_val km_gfn_attributes(const struct km_kernel *k, const struct km_vm *vm, uint64_t gfn)
{
	struct km_val array = km_addr_of(k->layout, vm->addr, KM_M_kvm_mem_attr_array);
	km_scoped_error *err = NULL;
	uint64_t entry;

	if (!km_is_known(array))
		return array;
	if (are_attributes_elsewhere(k))
		return (struct km_val){.known = KM_UNREADABLE};
	err = km_xarray_load(k, array.v, gfn, &entry);
	/* without attributes there is no entry; else it is an xa_mk_value() */
	if (err || (entry && !(entry & 1)))
		return (struct km_val){.known = KM_UNREADABLE};
	return km_known_val(entry >> 1);
}

/* Return the count of @slot; 0 if it has no array. *@track is the address of the array. */
static struct km_val track_count(const struct km_kernel *k, const struct km_memslot *slot,
				 uint64_t gfn, struct km_val *track)
{
	struct km_val array = km_kget(k, slot->addr, KM_M_kvm_memory_slot_gfn_write_track);
	km_scoped_error *err = NULL;
	uint16_t count = 0;

	*track = array;
	if (!km_is_known(array) || !array.v)
		return array;
	err = km_read_virt_as(k->mem, array.v + (gfn - slot->base_gfn) * sizeof(count), &count,
			      sizeof(count), km_member_name(KM_M_kvm_memory_slot_gfn_write_track));
	return err ? (struct km_val){.known = KM_UNREADABLE} : km_known_val(count);
}

static struct km_val other_track_count(const struct km_kernel *k, const struct km_vm *vm,
				       unsigned as_id, uint64_t gfn)
{
	struct km_val count = {.known = KM_UNREADABLE}, track;
	const struct km_memslot *slot;
	struct km_memslots slots;
	km_scoped_error *err = km_memslots_read(k, vm->addr, as_id, &slots);

	slot = err ? NULL : km_gfn_to_memslot(&slots, gfn);
	if (slot)
		count = track_count(k, slot, gfn, &track);
	else if (err ? km_error_code(err) == KM_EABSENT : !slots.trouble)
		count = km_known_val(0);
	km_memslots_deinit(&slots);
	return count;
}

struct km_val km_gfn_write_track(const struct km_kernel *k, const struct km_vm *vm, unsigned as_id,
				 const struct km_memslot *slot, uint64_t gfn)
{
	struct km_val track, count = track_count(k, slot, gfn, &track);

	/* without an array, write tracking is not enabled for the VM: in no address space */
	if (!km_is_known(count) || count.v || !track.v || !k->features.write_protected)
		return count;
	/* kvm_arch_nr_memslot_as_ids() */
	if (vm->has_private_mem.v)
		return count;
	return other_track_count(k, vm, as_id ^ 1, gfn);
}

bool km_slot_has_write_track(const struct km_kernel *k, const struct km_memslot *slot)
{
	struct km_val array = km_kget(k, slot->addr, KM_M_kvm_memory_slot_gfn_write_track);

	return array.known == KM_UNREADABLE || array.v;
}

/* mmu_page_hash[kvm_page_table_hashfn(gfn)]: an array, since 7.2 a pointer that may be NULL. */
static struct km_val bucket_head(const struct km_kernel *k, const struct km_vm *vm, uint64_t gfn)
{
	const struct km_member *hash = km_layout_member(k->layout, KM_M_kvm_mmu_page_hash);
	uint64_t index = gfn * GOLDEN_RATIO_64 >> (64 - KVM_MMU_HASH_SHIFT);
	km_scoped_error *err = NULL;
	struct km_val base;
	uint64_t first = 0;

	if (!hash)
		return (struct km_val){.known = KM_ABSENT};
	if (hash->count)
		return km_kelem(k, vm->addr, KM_M_kvm_mmu_page_hash, (uint32_t)index);
	base = km_kget(k, vm->addr, KM_M_kvm_mmu_page_hash);
	if (!km_is_known(base) || !base.v)
		return base;
	err = km_read_virt_as(k->mem, base.v + index * sizeof(first), &first, sizeof(first),
			      km_member_name(KM_M_kvm_mmu_page_hash));
	return err ? (struct km_val){.known = KM_UNREADABLE} : km_known_val(first);
}

/* Count the kvm_mmu_page at @sp if it shadows @gfn and is valid. Return false if unreadable. */
static bool count_page(const struct km_kernel *k, const struct km_vm *vm, uint64_t sp, uint64_t gfn,
		       struct km_shadow_pages *pages)
{
	struct km_val sp_gfn = km_kget(k, sp, KM_M_kvm_mmu_page_gfn);
	struct km_val word = km_kget(k, sp, KM_M_kvm_mmu_page_role);
	struct km_val gen = km_kget(k, sp, KM_M_kvm_mmu_page_mmu_valid_gen);
	struct km_page_role role;

	if (!km_is_known(sp_gfn) || !km_is_known(word))
		return false;
	role = km_page_role_decode(&k->page_role, (uint32_t)word.v);
	if (sp_gfn.v != gfn || role.direct || role.invalid)
		return true;
	if (km_is_known(gen) && km_is_known(vm->mmu_valid_gen) && gen.v != vm->mmu_valid_gen.v)
		return true;
	if (!pages->count++) {
		pages->first = sp;
		pages->level = role.level;
	}
	return true;
}

struct km_shadow_pages km_gfn_shadow_pages(const struct km_kernel *k, const struct km_vm *vm,
					   uint64_t gfn)
{
	const struct km_member *link = km_layout_member(k->layout, KM_M_kvm_mmu_page_hash_link);
	struct km_shadow_pages pages = {0};
	struct km_val node = bucket_head(k, vm, gfn);
	struct km_loop loop = {0};

	if (!link)
		return pages;
	while (km_is_known(node) && node.v) {
		km_scoped_error *err = km_check_interrupt(k->mem);

		if (err || km_loop_step(&loop, node.v) ||
		    !count_page(k, vm, node.v - link->offset, gfn, &pages))
			return pages;
		node = km_kget(k, node.v, KM_M_hlist_node_next);
	}
	pages.known = km_is_known(node);
	return pages;
}
