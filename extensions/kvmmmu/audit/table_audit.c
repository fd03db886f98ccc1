// SPDX-License-Identifier: GPL-2.0-or-later
#include "audit/table_audit.h"

#include "walk/page_tables.h"

#include <string.h>

/* Page tables that are examined for one vCPU: 4 MiB of them. */
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
	gfn = km_entry_gfn(parent->gfn.v, index, level) & ~direct_bits;
	if (km_is_known(child->gfn) && km_is_known(parent->gfn) && child->gfn.v != gfn)
		return "its gfn is not the one that the entry maps";
	return NULL;
}

const char *km_child_contradicts_guest(const struct km_gpte *gpte, const struct km_mmu_page *child)
{
	if (!gpte->present || !child->known || !child->addr || !child->role_known ||
	    child->role.passthrough)
		return NULL;
	if (gpte->leaf && !child->role.direct)
		return "it shadows a page table, but the guest's entry maps memory";
	if (!gpte->leaf && child->role.direct)
		return "it maps memory directly, but the guest's entry points to a page table";
	if (km_is_known(child->gfn) && child->gfn.v != gpte->gfn)
		return "its gfn is not the one in the guest's entry";
	return NULL;
}

struct search {
	const struct km_kernel *kernel;
	const struct km_vm *vm;
	const struct km_memslots *slots;
	const struct km_spte_masks *masks;
	const struct km_mmu *mmu;
	uint64_t direct_bits;
	struct km_gpte_format format;
	bool has_format;
	bool has_guest_table; /* of the shadow page whose entries are examined */
	uint8_t guest_table[KM_PAGE_SIZE];
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

	if (km_nonleaf_spte_lacks(s->masks, entry->spte.value))
		note(&audit->weak, entry);
	if (audit->mismatch.found)
		return;
	km_mmu_page_read(s->kernel, entry->spte.pfn << KM_PAGE_SHIFT, &child);
	why = km_child_contradiction(parent, entry->level, entry->index, &child, s->direct_bits);
	if (!why && s->has_guest_table) {
		struct km_gpte gpte =
			km_gpte_decode(&s->format, &parent->role, s->guest_table, entry->index);

		why = km_child_contradicts_guest(&gpte, &child);
		audit->mismatch_by_guest = why;
	}
	if (!why)
		return;
	audit->mismatch_why = why;
	audit->parent_role = parent->role;
	audit->child = child;
	note(&audit->mismatch, entry);
}

/*
 * Read the guest's page table that @sp shadows, if that is known and KVM keeps the two in sync: not
 * for the address space of SMM, nor below a root that is not used any more.
 */
static void read_guest_table(struct search *s, const struct km_table_page *page,
			     const struct km_mmu_page *sp)
{
	struct km_val gen = s->vm->mmu_valid_gen;

	s->has_guest_table =
		s->has_format && page->level > PG_LEVEL_4K && !page->stale &&
		page->smm == (s->slots->as_id == 1) && sp->role_known && !sp->role.direct &&
		!sp->role.passthrough && !sp->role.invalid && km_is_known(sp->gfn) &&
		km_gpte_size_known(s->kernel, s->mmu, &sp->role) &&
		(!km_is_known(gen) ||
		 (km_is_known(sp->mmu_valid_gen) && sp->mmu_valid_gen.v == gen.v)) &&
		km_guest_table_read(s->kernel, s->vm, s->slots, sp->gfn.v, s->guest_table);
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
	read_guest_table(s, page, sp);
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

km_error *km_table_audit(const struct km_kernel *k, const struct km_vm *vm,
			 const struct km_memslots *slots, const struct km_spte_masks *masks,
			 const struct km_mmu *mmu, struct km_table_audit *audit)
{
	struct search s = {
		.kernel = k,
		.vm = vm,
		.slots = slots,
		.masks = masks,
		.mmu = mmu,
		.direct_bits = km_is_known(vm->gfn_direct_bits) ? vm->gfn_direct_bits.v : 0,
		.audit = audit,
	};
	struct km_page_tables tables = {.limit = MOST_TABLES, .visit = search_table, .arg = &s};
	km_error *err;

	memset(audit, 0, sizeof(*audit));
	s.has_format = km_gpte_format(mmu, &s.format);
	err = km_page_tables_add(&tables, k, masks, mmu);
	audit->done = !err;
	audit->unreadable += tables.left_out;
	audit->complete = !err && !tables.limit_hit && !audit->unreadable;
	km_page_tables_deinit(&tables);
	return err;
}
