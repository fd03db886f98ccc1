// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/rmap.h"

#include "base/loop.h"

/* Flags of kvm_rmap_head.val; the second since 6.14 or so, 0 before. Macros of the kernel. */
#define KVM_RMAP_MANY	KM_BIT(0)
#define KVM_RMAP_LOCKED KM_BIT(1)

static enum km_rmap_answer search_desc(const struct km_kernel *k, uint64_t desc, uint64_t sptep)
{
	const struct km_member *sptes = km_layout_member(k->layout, KM_M_pte_list_desc_sptes);
	struct km_val count = km_kget(k, desc, KM_M_pte_list_desc_spte_count);

	/* before 5.13, a list of three, ended by NULL */
	if (count.known == KM_ABSENT && sptes)
		count = km_known_val(sptes->count);
	if (!km_is_known(count) || !sptes)
		return KM_RMAP_UNKNOWN;
	for (uint32_t i = 0; i < count.v && i < sptes->count; i++) {
		struct km_val spte = km_kelem(k, desc, KM_M_pte_list_desc_sptes, i);

		if (!km_is_known(spte))
			return KM_RMAP_UNKNOWN;
		if (spte.v == sptep)
			return KM_RMAP_HAS;
	}
	return KM_RMAP_LACKS;
}

enum km_rmap_answer km_rmap_search(const struct km_kernel *k, uint64_t head, uint64_t sptep)
{
	struct km_val desc = km_known_val(head & ~(KVM_RMAP_MANY | KVM_RMAP_LOCKED));
	struct km_loop loop = {0};

	if (!(head & KVM_RMAP_MANY))
		return desc.v == sptep ? KM_RMAP_HAS : KM_RMAP_LACKS;
	while (km_is_known(desc) && desc.v) {
		enum km_rmap_answer answer = search_desc(k, desc.v, sptep);

		if (answer != KM_RMAP_LACKS)
			return answer;
		if (km_loop_step(&loop, desc.v))
			return KM_RMAP_LACKS;
		desc = km_kget(k, desc.v, KM_M_pte_list_desc_more);
	}
	return km_is_known(desc) ? KM_RMAP_LACKS : KM_RMAP_UNKNOWN;
}

struct km_val km_gfn_to_rmap(const struct km_kernel *k, const struct km_memslot *slot, uint64_t gfn,
			     int level)
{
	struct km_val array =
		km_kelem(k, slot->addr, KM_M_kvm_memory_slot_rmap, (uint32_t)level - 1);
	uint64_t index = km_gfn_to_index(gfn, slot->base_gfn, level), head;
	km_scoped_error *err = NULL;

	if (!km_is_known(array) || !array.v)
		return (struct km_val){.known = KM_UNREADABLE};
	err = km_read_virt(k->mem, array.v + index * sizeof(head), &head, sizeof(head));
	return err ? (struct km_val){.known = KM_UNREADABLE} : km_known_val(head);
}
