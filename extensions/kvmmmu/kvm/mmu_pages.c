// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/mmu_pages.h"

#include "base/loop.h"
#include "base/sorted.h"

#include <stdlib.h>
#include <string.h>

#define KVM_NUM_MMU_PAGES 4096 /* buckets: 1 << KVM_MMU_HASH_SHIFT */

struct list {
	uint64_t **addrs;
	size_t *count, room;
};

static km_error *add(const struct km_kernel *k, struct list *list, uint64_t addr)
{
	uint64_t *grown;
	km_error *err;

	if (*list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 64;

		err = km_memory_charge(k->mem, room - list->room, sizeof(addr));
		if (err)
			return err;
		grown = reallocarray(*list->addrs, room, sizeof(*grown));
		if (!grown)
			return km_errorf(KM_ENOMEM, "out of memory");
		*list->addrs = grown;
		list->room = room;
	}
	(*list->addrs)[(*list->count)++] = addr;
	return km_check_interrupt(k->mem);
}

/* Add what follows @first by the pointers @next, which are at @offset in a kvm_mmu_page. */
static km_error *follow(const struct km_kernel *k, struct km_val node, enum km_member_id next,
			uint32_t offset, uint64_t end, struct list *list, bool *known)
{
	struct km_loop loop = {0};
	km_error *err = NULL;

	while (km_is_known(node) && node.v != end && !err) {
		if (!km_is_kernel_address(node.v) || km_loop_step(&loop, node.v)) {
			*known = false;
			return NULL;
		}
		err = add(k, list, node.v - offset);
		node = km_kget(k, node.v, next);
	}
	*known &= km_is_known(node);
	return err;
}

static km_error *read_roots(const struct km_kernel *k, const struct km_vm *vm,
			    struct km_mmu_pages *pages)
{
	const struct km_member *link = km_layout_member(k->layout, KM_M_kvm_mmu_page_link);
	struct km_val head = km_addr_of(k->layout, vm->addr, KM_M_kvm_tdp_mmu_roots);
	struct list list = {&pages->tdp_roots, &pages->tdp_root_count, 0};
	struct km_val first, has_tdp = km_vm_has_tdp_mmu(k, vm);

	/* without the TDP MMU, kvm_mmu_init_tdp_mmu() does not initialize the list */
	if (km_is_known(has_tdp) && !has_tdp.v) {
		pages->tdp_known = true;
		return NULL;
	}
	first = km_kget(k, head.v, KM_M_list_head_next);
	pages->tdp_known = link && km_is_known(head) && km_is_known(first);
	if (!pages->tdp_known)
		return NULL;
	return follow(k, first, KM_M_list_head_next, link->offset, head.v, &list,
		      &pages->tdp_known);
}

/* Read the heads of all buckets: an array, since 7.2 a pointer that may be NULL. */
static bool read_buckets(const struct km_kernel *k, const struct km_vm *vm, uint64_t *buckets)
{
	const struct km_member *hash = km_layout_member(k->layout, KM_M_kvm_mmu_page_hash);
	struct km_val at = km_addr_of(k->layout, vm->addr, KM_M_kvm_mmu_page_hash);
	km_scoped_error *err = NULL;

	if (!hash || !km_is_known(at))
		return false;
	if (!hash->count)
		at = km_kget(k, vm->addr, KM_M_kvm_mmu_page_hash);
	else if (hash->count != KVM_NUM_MMU_PAGES)
		return false;
	if (!km_is_known(at))
		return false;
	memset(buckets, 0, KVM_NUM_MMU_PAGES * sizeof(*buckets));
	if (at.v)
		err = km_read_virt(k->mem, at.v, buckets, KVM_NUM_MMU_PAGES * sizeof(*buckets));
	return !err;
}

static km_error *read_hash(const struct km_kernel *k, const struct km_vm *vm,
			   struct km_mmu_pages *pages)
{
	const struct km_member *link = km_layout_member(k->layout, KM_M_kvm_mmu_page_hash_link);
	struct list list = {&pages->shadow, &pages->shadow_count, 0};
	uint64_t *buckets = calloc(KVM_NUM_MMU_PAGES, sizeof(*buckets));
	km_error *err = NULL;

	if (!buckets)
		return km_errorf(KM_ENOMEM, "out of memory");
	pages->shadow_known = link && read_buckets(k, vm, buckets);
	for (size_t i = 0; pages->shadow_known && i < KVM_NUM_MMU_PAGES && !err; i++)
		err = follow(k, km_known_val(buckets[i]), KM_M_hlist_node_next, link->offset, 0,
			     &list, &pages->shadow_known);
	free(buckets);
	return err;
}

km_error *km_mmu_pages_read(const struct km_kernel *k, const struct km_vm *vm,
			    struct km_mmu_pages *pages)
{
	bool before = km_memory_try(k->mem, true);
	km_error *err;

	memset(pages, 0, sizeof(*pages));
	err = read_roots(k, vm, pages);
	if (!err)
		err = read_hash(k, vm, pages);
	km_memory_try(k->mem, before);
	km_sort(pages->shadow, pages->shadow_count);
	km_sort(pages->tdp_roots, pages->tdp_root_count);
	return err;
}

void km_mmu_pages_deinit(struct km_mmu_pages *pages)
{
	free(pages->shadow);
	free(pages->tdp_roots);
	memset(pages, 0, sizeof(*pages));
}
