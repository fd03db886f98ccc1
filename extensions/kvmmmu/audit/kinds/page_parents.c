// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each entry in parent_ptes of a shadow page points to it: mmu_page_add_parent_pte(),
 * drop_parent_pte(). KVM clears all of them when it zaps the page. The TDP MMU has one, ptep:
 * page-parent.
 */
#include "audit/look.h"
#include "kvm/rmap.h"

struct parents {
	const struct km_look *at;
	uint64_t mine; /* the entry through which the page was found; 0: it is a root */
	bool has_mine;
	bool unreadable;
	uint64_t sptep, value; /* of one that does not point to the page; 0: none */
};

static bool take_parent(void *arg, uint64_t sptep)
{
	struct parents *p = arg;
	const struct km_look *at = p->at;
	uint64_t value;
	km_scoped_error *err = NULL;

	p->has_mine |= sptep == p->mine;
	err = km_read_virt(at->all->kernel->mem, sptep, &value, sizeof(value));
	if (err) {
		p->unreadable = true;
		return true;
	}
	if (!p->sptep && (value & at->masks->base_addr_mask) != at->page->pa) {
		p->sptep = sptep;
		p->value = value;
	}
	return true;
}

enum km_look_answer km_audit_page_parents(const struct km_look *at, struct km_anomaly *a)
{
	const struct km_kernel *k = at->all->kernel;
	const struct km_table_page *parent =
		at->page->parent ? &at->all->tables->pages[at->page->parent - 1] : NULL;
	struct parents p = {.at = at};
	struct km_val head;
	bool before, complete;

	if (!at->sp->role_known || !km_is_known(at->sp->tdp_mmu_page))
		return KM_CANNOT_TELL;
	if (at->sp->tdp_mmu_page.v)
		return KM_FITS;
	head = km_kget(k, at->sp->addr, KM_M_kvm_mmu_page_parent_ptes);
	if (!km_is_known(head))
		return KM_CANNOT_TELL;
	if (parent)
		p.mine = k->page_offset_base + parent->pa + 8 * (uint64_t)at->page->index;
	before = km_memory_try(k->mem, true);
	complete = km_rmap_each(k, head.v, take_parent, &p);
	km_memory_try(k->mem, before);
	/* what it has instead of the entry above is page-parent */
	if (p.mine && !p.has_mine)
		return KM_FITS;
	if (!p.sptep)
		return complete && !p.unreadable ? KM_FITS : KM_CANNOT_TELL;
	km_anomaly_says(a, "parent_ptes contains 0x%" PRIx64 ", but the entry there is 0x%" PRIx64,
			p.sptep, p.value);
	return KM_ANOMALY;
}
