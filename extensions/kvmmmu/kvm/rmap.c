// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/rmap.h"

#include "base/loop.h"

/* Flags of kvm_rmap_head.val; the second since 6.14 or so, 0 before. Macros of the kernel. */
#define KVM_RMAP_MANY	KM_BIT(0)
#define KVM_RMAP_LOCKED KM_BIT(1)

/* Call @fn for those in one struct pte_list_desc. Set *@stopped if @fn returned false. */
static bool each_in_desc(const struct km_kernel *k, uint64_t desc, km_rmap_fn *fn, void *arg,
			 bool *stopped)
{
	const struct km_member *sptes = km_layout_member(k->layout, KM_M_pte_list_desc_sptes);
	struct km_val count = km_kget(k, desc, KM_M_pte_list_desc_spte_count);
	bool counted = count.known != KM_ABSENT;

	/* before 5.13, a list of three, ended by NULL */
	if (!counted && sptes)
		count = km_known_val(sptes->count);
	if (!km_is_known(count) || !sptes)
		return false;
	for (uint32_t i = 0; i < count.v && i < sptes->count && !*stopped; i++) {
		struct km_val spte = km_kelem(k, desc, KM_M_pte_list_desc_sptes, i);

		if (!km_is_known(spte))
			return false;
		if (!counted && !spte.v)
			return true;
		*stopped = !fn(arg, spte.v);
	}
	return true;
}

bool km_rmap_each(const struct km_kernel *k, uint64_t head, km_rmap_fn *fn, void *arg)
{
	struct km_val desc = km_known_val(head & ~(KVM_RMAP_MANY | KVM_RMAP_LOCKED));
	struct km_loop loop = {0};
	bool stopped = false;

	if (!(head & KVM_RMAP_MANY)) {
		if (desc.v)
			fn(arg, desc.v);
		return true;
	}
	while (km_is_known(desc) && desc.v) {
		if (!each_in_desc(k, desc.v, fn, arg, &stopped))
			return false;
		if (stopped)
			return true;
		if (km_loop_step(&loop, desc.v))
			return false;
		desc = km_kget(k, desc.v, KM_M_pte_list_desc_more);
	}
	return km_is_known(desc);
}

struct search {
	uint64_t sptep;
	bool found;
};

static bool is_other(void *arg, uint64_t sptep)
{
	struct search *s = arg;

	s->found = sptep == s->sptep;
	return !s->found;
}

enum km_rmap_answer km_rmap_search(const struct km_kernel *k, uint64_t head, uint64_t sptep)
{
	struct search s = {.sptep = sptep};
	bool complete = km_rmap_each(k, head, is_other, &s);

	return s.found ? KM_RMAP_HAS : complete ? KM_RMAP_LACKS : KM_RMAP_UNKNOWN;
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
