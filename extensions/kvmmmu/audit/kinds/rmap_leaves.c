// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each SPTE in the rmap of a gfn is a leaf that maps it: rmap_add(), drop_spte(). What is there
 * although it is none is written when KVM write-protects, ages or zaps the gfn.
 */
#include "audit/look.h"
#include "kvm/rmap.h"

#define WORDS (KM_PAGE_SIZE / sizeof(uint64_t))

struct leaves {
	const struct km_look *at;
	int level;
	uint64_t gfn; /* of the rmap */
	bool unreadable;
	uint64_t sptep; /* of one that is no such leaf; 0: none */
	uint64_t bad_gfn;
	const char *why;
};

/* Why the entry at @sptep is not a leaf of this gfn; NULL: it is, or that is not known. */
static const char *objection(struct leaves *l, uint64_t sptep)
{
	const struct km_kernel *k = l->at->all->kernel;
	uint64_t pa = sptep - k->page_offset_base, value, gfn;
	unsigned index = (unsigned)(pa % KM_PAGE_SIZE / sizeof(value));
	struct km_mmu_page sp;
	struct km_spte spte;
	km_scoped_error *err = NULL;

	if (sptep % sizeof(value) || sptep < k->page_offset_base || sptep >= k->vmemmap_base)
		return "which is no address of an SPTE";
	err = km_read_virt(k->mem, sptep, &value, sizeof(value));
	km_mmu_page_read(k, pa - pa % KM_PAGE_SIZE, &sp);
	if (err || !sp.known) {
		l->unreadable = true;
		return NULL;
	}
	if (!sp.addr)
		return "which is not in a page table";
	if (!sp.role_known) {
		l->unreadable = true;
		return NULL;
	}
	if ((int)sp.role.level != l->level)
		return "which is in a page table of another level";
	spte = km_spte_decode(l->at->masks, value, l->level);
	if (spte.kind != KM_SPTE_PRESENT || !spte.leaf)
		return "which is not a present leaf";
	gfn = km_entry_gfn(sp.gfn.v, index, l->level);
	if (sp.role.direct && km_is_known(sp.gfn) && gfn != l->gfn)
		return "which maps another gfn";
	return NULL;
}

static bool take_leaf(void *arg, uint64_t sptep)
{
	struct leaves *l = arg;

	l->why = objection(l, sptep);
	if (!l->why)
		return true;
	l->sptep = sptep;
	l->bad_gfn = l->gfn;
	return false;
}

/* Look at the rmaps of @slot at l->level, one page of kvm_rmap_head at a time. */
static void search_level(struct leaves *l, const struct km_memslot *slot)
{
	const struct km_kernel *k = l->at->all->kernel;
	struct km_val array =
		km_kelem(k, slot->addr, KM_M_kvm_memory_slot_rmap, (uint32_t)l->level - 1);
	uint64_t last = slot->base_gfn + slot->npages - 1,
		 count = km_gfn_to_index(last, slot->base_gfn, l->level) + 1, heads[WORDS];

	/* NULL: the VM has no shadow pages */
	if (array.known == KM_UNREADABLE)
		l->unreadable = true;
	if (!km_is_known(array) || !array.v)
		return;
	for (uint64_t done = 0; done < count && !l->sptep;) {
		uint64_t at = array.v + done * sizeof(heads[0]);
		uint64_t most = (KM_PAGE_SIZE - at % KM_PAGE_SIZE) / sizeof(heads[0]);
		size_t n = (size_t)(count - done < most ? count - done : most);
		km_scoped_error *err = km_read_virt(k->mem, at, heads, n * sizeof(heads[0]));

		l->unreadable |= err != NULL;
		for (size_t i = 0; i < n && !err && !l->sptep; i++) {
			uint64_t shift = 9 * (uint64_t)(l->level - 1);

			l->gfn = ((slot->base_gfn >> shift) + done + i) << shift;
			if (heads[i] && !km_rmap_each(k, heads[i], take_leaf, l))
				l->unreadable = true;
		}
		done += n;
	}
}

enum km_look_answer km_audit_rmap_leaves(const struct km_look *at, struct km_anomaly *a)
{
	struct leaves l = {.at = at};
	bool before;

	before = km_memory_try(at->all->kernel->mem, true);
	for (unsigned as_id = 0; as_id < 2; as_id++) {
		const struct km_memslots *slots = &at->all->slots[as_id];

		l.unreadable |= !as_id && !at->all->slots_known[as_id];
		for (size_t i = 0; i < slots->count && !l.sptep; i++) {
			for (l.level = PG_LEVEL_4K; l.level <= PG_LEVEL_1G && !l.sptep; l.level++)
				search_level(&l, &slots->slots[i]);
		}
	}
	km_memory_try(at->all->kernel->mem, before);
	if (!l.sptep)
		return l.unreadable ? KM_CANNOT_TELL : KM_FITS;
	km_anomaly_says(a, "the rmap of gfn 0x%" PRIx64 " has 0x%" PRIx64 ", %s", l.bad_gfn,
			l.sptep, l.why);
	return KM_ANOMALY;
}
