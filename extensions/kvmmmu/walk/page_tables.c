// SPDX-License-Identifier: GPL-2.0-or-later
#include "walk/page_tables.h"

#include <stdlib.h>
#include <string.h>

#define ENTRIES	    KM_TABLE_ENTRIES
#define PAE_ENTRIES 4
#define MAX_LEVEL   5

#define PROGRESS_PAGES 4096 /* between two updates */

/* The slot of @pa in the hash table, used or free. */
static uint32_t *set_slot(const struct km_page_tables *t, uint64_t pa)
{
	size_t i = ((pa >> KM_PAGE_SHIFT) * 0x9e3779b97f4a7c15ULL) >> 32 & (t->set_size - 1);

	while (t->set[i] && t->pages[t->set[i] - 1].pa != pa)
		i = (i + 1) & (t->set_size - 1);
	return &t->set[i];
}

static void set_filter(struct km_page_tables *t, uint64_t pa)
{
	uint64_t bit = pa >> KM_PAGE_SHIFT & (16 * (uint64_t)t->set_size - 1);

	t->filter[bit / 16] |= (uint16_t)(1U << bit % 16);
}

static bool grow_set(struct km_page_tables *t)
{
	size_t size = t->set_size ? 2 * t->set_size : 1024;
	uint32_t *set = calloc(size, sizeof(*set));
	uint16_t *filter = calloc(size, sizeof(*filter));

	if (!set || !filter) {
		free(set);
		free(filter);
		return false;
	}
	free(t->set);
	free(t->filter);
	t->set = set;
	t->filter = filter;
	t->set_size = size;
	for (size_t i = 0; i < t->count; i++) {
		*set_slot(t, t->pages[i].pa) = (uint32_t)i + 1;
		set_filter(t, t->pages[i].pa);
	}
	return true;
}

static bool grow_pages(struct km_page_tables *t)
{
	size_t room = t->room ? 2 * t->room : 256;
	struct km_table_page *pages = reallocarray(t->pages, room, sizeof(*pages));

	if (!pages)
		return false;
	t->pages = pages;
	t->room = room;
	return true;
}

const struct km_table_page *km_page_tables_find(const struct km_page_tables *t, uint64_t pa)
{
	uint32_t slot = t->set_size ? *set_slot(t, pa & ~(uint64_t)(KM_PAGE_SIZE - 1)) : 0;

	return slot ? &t->pages[slot - 1] : NULL;
}

/* Why @pa is not the page-table page of @sp, whose spt is @spt, below level @above. */
static enum km_table_doubt doubt(const struct km_kernel *k, uint64_t pa, int above,
				 const struct km_mmu_page *sp, struct km_val spt)
{
	if (!sp->known || (sp->addr && (!sp->role_known || !km_is_known(spt))))
		return KM_TABLE_UNREAD;
	if (!sp->addr)
		return KM_TABLE_NO_OWNER;
	if (spt.v != k->page_offset_base + pa)
		return KM_TABLE_OTHER_SPT;
	if (sp->role.level <= MAX_LEVEL && ((int)sp->role.level < above || sp->role.passthrough))
		return KM_TABLE_PROVEN;
	return KM_TABLE_NOT_BELOW;
}

/* The gfn that @page maps first: by its place, so that a damaged kvm_mmu_page does not hide it. */
static void set_gfn(struct km_table_page *page, const struct km_table_page *parent,
		    const struct km_mmu_page *sp)
{
	page->gfn_known = parent && parent->gfn_known;
	if (page->gfn_known) {
		page->gfn = km_entry_gfn(parent->gfn, page->index, parent->level);
	} else if (sp->role_known && sp->role.direct && km_is_known(sp->gfn)) {
		page->gfn_known = true;
		page->gfn = sp->gfn.v;
	}
}

/*
 * Set the level of @page: that below @parent, of a root that of its kvm_mmu_page; 0 if the
 * kvm_mmu_page does not point back to the page or has no level below @parent. Nothing is recorded,
 * because the page is not proven to be a page-table page, except why it does not fit.
 */
static void prove(const struct km_kernel *k, struct km_table_page *page,
		  const struct km_table_page *parent)
{
	struct km_recorder *rec = km_memory_recorder(k->mem);
	struct km_mmu_page sp;
	struct km_val spt;

	km_memory_record(k->mem, NULL);
	km_mmu_page_read_key(k, page->pa, &sp);
	spt = km_kget(k, sp.addr, KM_M_kvm_mmu_page_spt);
	km_memory_record(k->mem, rec);
	page->doubt = doubt(k, page->pa, parent ? parent->level : MAX_LEVEL + 1, &sp, spt);
	if (page->doubt == KM_TABLE_PROVEN) {
		page->level = parent && !sp.role.passthrough ? parent->level - 1 : sp.role.level;
		page->stale |= sp.role.invalid && !parent;
		page->smm |= sp.role.smm && !parent;
		set_gfn(page, parent, &sp);
	}
	if (page->doubt != KM_TABLE_NOT_BELOW)
		return;
	km_mmu_page_read(k, page->pa, &sp);
	km_kget(k, sp.addr, KM_M_kvm_mmu_page_spt);
}

/* Add the page at @pa. @parent: the position, plus one, of the page with the entry for it. */
static km_error *add_page(struct km_page_tables *t, const struct km_kernel *k, uint64_t pa,
			  uint32_t parent, unsigned index)
{
	struct km_table_page page = {
		.pa = pa & ~(uint64_t)(KM_PAGE_SIZE - 1),
		.parent = parent,
		.index = (uint16_t)index,
		.smm = parent && t->pages[parent - 1].smm,
		.stale = parent && t->pages[parent - 1].stale,
	};

	if ((2 * t->count >= t->set_size && !grow_set(t)) ||
	    (t->count == t->room && !grow_pages(t)))
		return km_errorf(KM_ENOMEM, "out of memory");
	if (*set_slot(t, page.pa))
		return NULL;
	if (t->count >= t->limit) {
		t->limit_hit = true;
		return NULL;
	}
	prove(k, &page, parent ? &t->pages[parent - 1] : NULL);
	t->left_out += !page.level;
	t->pages[t->count++] = page;
	set_filter(t, page.pa);
	*set_slot(t, page.pa) = (uint32_t)t->count;
	return NULL;
}

/* Add the pages in the entries of the page at position @at. */
static km_error *add_children(struct km_page_tables *t, const struct km_kernel *k,
			      const struct km_spte_masks *masks, const uint64_t *entries, size_t at)
{
	int level = t->pages[at].level;
	km_error *err = NULL;

	for (unsigned i = 0; level > 1 && i < ENTRIES && !err; i++) {
		if (km_is_shadow_present_pte(masks, entries[i]) &&
		    !km_is_last_spte(entries[i], level))
			err = add_page(t, k, entries[i] & masks->base_addr_mask, (uint32_t)at + 1,
				       i);
	}
	return err;
}

/* Read the pages that were found and not read yet, which may add more. */
static km_error *read_pages(struct km_page_tables *t, const struct km_kernel *k,
			    const struct km_spte_masks *masks)
{
	static const char *const labels[] = {
		NULL,
		"page-table page, level 1",
		"page-table page, level 2",
		"page-table page, level 3",
		"page-table page, level 4",
		"page-table page, level 5",
	};
	km_error *err = NULL;

	for (; t->done < t->count && !err; t->done++) {
		if (t->done % PROGRESS_PAGES == PROGRESS_PAGES - 1)
			km_progress(k->mem, "page-table pages", t->done + 1);
		struct km_table_page page = t->pages[t->done];
		uint64_t entries[ENTRIES];
		km_scoped_error *unreadable = NULL;
		struct km_mmu_page sp;

		if (!page.level)
			continue;
		err = km_check_interrupt(k->mem);
		if (err)
			break;
		km_mmu_page_read(k, page.pa, &sp);
		km_kget(k, sp.addr, KM_M_kvm_mmu_page_spt);
		unreadable = km_read_phys_as(k->mem, page.pa, entries, sizeof(entries),
					     labels[page.level]);
		if (!unreadable)
			err = add_children(t, k, masks, entries, t->done);
		if (!err && t->visit)
			err = t->visit(t->arg, &page, &sp, unreadable ? NULL : entries);
	}
	km_progress(k->mem, NULL, 0);
	return err;
}

/* Add the PAE root of shadow paging: four entries, without a kvm_mmu_page. */
static km_error *add_pae_root(struct km_page_tables *t, const struct km_kernel *k,
			      const struct km_spte_masks *masks, const struct km_mmu *mmu)
{
	uint64_t entries[PAE_ENTRIES];
	km_scoped_error *unreadable = NULL;
	km_error *err = NULL;

	if (!km_is_known(mmu->pae_root) || !mmu->pae_root.v)
		return NULL;
	unreadable =
		km_read_virt_as(k->mem, mmu->pae_root.v, entries, sizeof(entries), KM_PAE_ROOT);
	for (unsigned i = 0; !unreadable && i < PAE_ENTRIES && !err; i++) {
		if (entries[i] & 1)
			err = add_page(t, k, entries[i] & masks->base_addr_mask, 0, i);
	}
	return err;
}

/* Is it one of the roots of shadow paging that are not shadow pages? */
static bool is_special_root(const struct km_kernel *k, const struct km_mmu *mmu, uint64_t hpa)
{
	const struct km_val roots[] = {mmu->pae_root, mmu->pml4_root, mmu->pml5_root};

	bool special = km_is_dummy_root(k, hpa);

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++)
		special |= km_is_known(roots[i]) && roots[i].v == k->page_offset_base + hpa;
	return special;
}

static km_error *add_root(struct km_page_tables *t, const struct km_kernel *k,
			  const struct km_spte_masks *masks, const struct km_mmu *mmu,
			  struct km_val root)
{
	uint64_t hpa = root.v & masks->base_addr_mask;

	if (!km_is_known(root) || !root.v || !km_valid_page(root.v) || is_special_root(k, mmu, hpa))
		return NULL;
	return add_page(t, k, hpa, 0, 0);
}

km_error *km_page_tables_add(struct km_page_tables *t, const struct km_kernel *k,
			     const struct km_spte_masks *masks, const struct km_mmu *mmu)
{
	km_error *err = add_root(t, k, masks, mmu, mmu->root.hpa);

	for (size_t i = 0; i < KM_PREV_ROOTS && !err; i++)
		err = add_root(t, k, masks, mmu, mmu->prev_roots[i].hpa);
	if (!err)
		err = add_root(t, k, masks, mmu, mmu->mirror_root_hpa);
	if (!err)
		err = add_pae_root(t, k, masks, mmu);
	return err ? err : read_pages(t, k, masks);
}

km_error *km_page_tables_add_root(struct km_page_tables *t, const struct km_kernel *k,
				  const struct km_spte_masks *masks, uint64_t pa)
{
	km_error *err = add_page(t, k, pa, 0, 0);

	return err ? err : read_pages(t, k, masks);
}

void km_page_tables_deinit(struct km_page_tables *t)
{
	free(t->pages);
	free(t->set);
	free(t->filter);
	memset(t, 0, sizeof(*t));
}
