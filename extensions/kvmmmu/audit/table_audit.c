// SPDX-License-Identifier: GPL-2.0-or-later
#include "audit/table_audit.h"

#include "walk/page_tables.h"

#include <string.h>

/* Page tables that are looked at for one vCPU: 4 MiB of them. */
#define MOST_TABLES 1024

const char *km_child_contradiction(const struct km_mmu_page *parent, int level, unsigned index,
				   const struct km_mmu_page *child, uint64_t direct_bits)
{
	const struct km_page_role *up = &parent->role, *down = &child->role;
	uint64_t gfn;

	if (!parent->role_known || !child->known || !child->addr || !child->role_known ||
	    up->passthrough || down->passthrough)
		return NULL;
	if ((int)down->level + 1 != level)
		return "its level is not one below that of the entry";
	/* without CR0.WP a write of the guest's kernel may add W below a parent without it */
	if (!up->direct && up->cr0_wp && (down->access & ~up->access))
		return "it grants more access than its parent";
	if (!up->direct)
		return NULL;
	if (!down->direct)
		return "it shadows a page table, but its parent maps memory directly";
	gfn = (parent->gfn.v + ((uint64_t)index << (9 * (level - 1)))) & ~direct_bits;
	if (km_is_known(child->gfn) && km_is_known(parent->gfn) && child->gfn.v != gfn)
		return "its gfn is not the one that the entry maps";
	return NULL;
}

struct search {
	const struct km_kernel *kernel;
	const struct km_spte_masks *masks;
	const struct km_mmu *mmu;
	uint64_t direct_bits;
	struct km_table_audit *audit;
};

static void note(struct km_table_entry *first, const struct km_table_entry *entry)
{
	if (first->found)
		return;
	*first = *entry;
	first->found = true;
}

static void check_reserved(struct search *s, const struct km_table_entry *entry)
{
	bool bad_mt_xwr;
	uint64_t bits;

	if (!s->mmu->rsvd_known || s->audit->reserved.found)
		return;
	bits = km_rsvd_spte(s->masks, &s->mmu->rsvd, entry->spte.value, entry->level, &bad_mt_xwr);
	if (!bits && !bad_mt_xwr)
		return;
	s->audit->reserved_bits = bits;
	note(&s->audit->reserved, entry);
}

/* A present entry that is not a leaf. */
static void check_table(struct search *s, const struct km_mmu_page *parent,
			const struct km_table_entry *entry)
{
	struct km_table_audit *audit = s->audit;
	struct km_mmu_page child;
	const char *why;

	if (s->mmu->root_role.direct && km_nonleaf_spte_lacks(s->masks, entry->spte.value))
		note(&audit->weak, entry);
	if (audit->mismatch.found)
		return;
	km_mmu_page_read(s->kernel, entry->spte.pfn << KM_PAGE_SHIFT, &child);
	why = km_child_contradiction(parent, entry->level, entry->index, &child, s->direct_bits);
	if (!why)
		return;
	audit->mismatch_why = why;
	audit->parent_role = parent->role;
	audit->child = child;
	note(&audit->mismatch, entry);
}

static km_error *search_table(void *arg, const struct km_table_page *page,
			      const struct km_mmu_page *sp, const uint64_t *values)
{
	struct km_table_entry entry = {.table_pa = page->pa, .level = page->level};
	struct search *s = arg;

	if (!values) {
		s->audit->unreadable++;
		return NULL;
	}
	s->audit->tables++;
	for (unsigned i = 0; i < KM_TABLE_ENTRIES; i++) {
		entry.index = i;
		entry.spte = km_spte_decode(s->masks, values[i], page->level);
		if (entry.spte.kind == KM_SPTE_FROZEN)
			note(&s->audit->frozen, &entry);
		if (entry.spte.kind != KM_SPTE_PRESENT)
			continue;
		check_reserved(s, &entry);
		if (!entry.spte.leaf)
			check_table(s, sp, &entry);
	}
	return NULL;
}

km_error *km_table_audit(const struct km_kernel *k, const struct km_spte_masks *masks,
			 const struct km_mmu *mmu, uint64_t direct_bits,
			 struct km_table_audit *audit)
{
	struct search s = {k, masks, mmu, direct_bits, audit};
	struct km_page_tables tables = {.limit = MOST_TABLES, .visit = search_table, .arg = &s};
	km_error *err;

	memset(audit, 0, sizeof(*audit));
	err = km_page_tables_add(&tables, k, masks, mmu);
	audit->done = !err;
	audit->unreadable += tables.left_out;
	audit->complete = !err && !tables.limit_hit && !audit->unreadable;
	km_page_tables_deinit(&tables);
	return err;
}
