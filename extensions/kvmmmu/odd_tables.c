// SPDX-License-Identifier: GPL-2.0-or-later
#include "odd_tables.h"

#include <stdlib.h>
#include <string.h>

#define ENTRIES 512

/* A table that fits its place: its address, and what it maps. */
struct table {
	uint64_t pa, gfn;
	int level;
};

struct search {
	const struct km_kernel *k;
	const struct km_spte_masks *masks;
	bool gpas; /* gfns of direct pages are of this guest */
	struct table *queue;
	size_t count;
	struct km_odd_tables *odd;
};

/* How @sp does not fit; NULL if it does, or is not to be judged. */
static const char *check(const struct search *s, const struct km_mmu_page *sp, int level,
			 uint64_t gfn)
{
	if (!sp->role_known)
		return NULL;
	/* a nested NPT root of 5 levels may stand for one of 4: role.passthrough */
	if (sp->role.level != level && !sp->role.passthrough)
		return "kvm_mmu_page.role.level is not the level of its place";
	if (sp->role.direct && s->gpas && km_is_known(sp->gfn) && sp->gfn.v != gfn)
		return "kvm_mmu_page.gfn is not the gfn of its place";
	return NULL;
}

/* Is it proven to be a page-table page? Else it is not looked into. */
static bool points_back(const struct search *s, const struct km_mmu_page *sp, uint64_t pa)
{
	struct km_val spt = {.known = KM_UNREADABLE};

	if (sp->known && sp->addr && sp->role_known)
		spt = km_kget(s->k, sp->addr, KM_M_kvm_mmu_page_spt);
	return km_is_known(spt) && spt.v == s->k->page_offset_base + pa;
}

static void look_at_child(struct search *s, const struct table *parent, unsigned index,
			  uint64_t spte)
{
	struct table child = {
		.pa = spte & s->masks->base_addr_mask,
		.gfn = parent->gfn + ((uint64_t)index << (9 * (parent->level - 1))),
		.level = parent->level - 1,
	};
	struct km_odd_tables *odd = s->odd;
	struct km_mmu_page sp;
	const char *oddity;

	if (odd->looked_at == KM_ODD_TABLES_PAGES) {
		odd->more = true;
		return;
	}
	odd->looked_at++;
	km_mmu_page_read(s->k, child.pa, &sp);
	oddity = check(s, &sp, child.level, child.gfn);
	if (oddity && !odd->odd++) {
		odd->parent_pa = parent->pa;
		odd->table_pa = child.pa;
		odd->index = index;
		odd->level = child.level;
		odd->gfn = child.gfn;
		odd->sp = sp;
		odd->oddity = oddity;
	}
	if (!oddity && child.level > PG_LEVEL_4K && points_back(s, &sp, child.pa))
		s->queue[s->count++] = child;
}

static km_error *search(struct search *s)
{
	for (size_t done = 0; done < s->count; done++) {
		const struct table table = s->queue[done];
		uint64_t entries[ENTRIES];
		/* without a label: capture has its own way to these pages */
		km_scoped_error *unreadable =
			km_read_phys(s->k->mem, table.pa, entries, sizeof(entries));
		km_error *err = km_check_interrupt(s->k->mem);

		if (err)
			return err;
		for (unsigned i = 0; !unreadable && i < ENTRIES; i++) {
			struct km_spte spte = km_spte_decode(s->masks, entries[i], table.level);

			if (spte.kind == KM_SPTE_PRESENT &&
			    !km_is_last_spte(entries[i], table.level))
				look_at_child(s, &table, i, entries[i]);
		}
	}
	return NULL;
}

km_error *km_odd_tables_find(const struct km_kernel *k, const struct km_spte_masks *masks,
			     const struct km_mmu *mmu, struct km_odd_tables *odd)
{
	struct search s = {
		.k = k,
		.masks = masks,
		.gpas = km_mmu_address_meaning(mmu) == KM_ADDR_GPA,
		.odd = odd,
	};
	struct table root = {.pa = mmu->root.hpa.v & masks->base_addr_mask,
			     .level = mmu->root_role.level};
	struct km_mmu_page sp;
	km_error *err;

	memset(odd, 0, sizeof(*odd));
	if (!km_is_known(mmu->root.hpa) || !km_valid_page(mmu->root.hpa.v) ||
	    km_is_dummy_root(k, mmu->root.hpa.v))
		return NULL;
	/* special roots have no kvm_mmu_page, and are not of this level */
	km_mmu_page_read(k, root.pa, &sp);
	if (!points_back(&s, &sp, root.pa) || sp.role.level != root.level || sp.role.passthrough)
		return NULL;
	s.queue = calloc(KM_ODD_TABLES_PAGES + 1, sizeof(*s.queue));
	if (!s.queue)
		return km_errorf(KM_ENOMEM, "out of memory");
	s.queue[s.count++] = root;
	err = search(&s);
	free(s.queue);
	return err;
}
