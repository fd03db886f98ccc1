// SPDX-License-Identifier: GPL-2.0-or-later
#include "walk/walk.h"

#include "kernel/struct_page.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PT64_ROOT_4LEVEL 4
#define PT32E_ROOT_LEVEL 3

const char *km_level_size_text(int level)
{
	static const char *const texts[] = {"?", "4K", "2M", "1G", "512G", "256T"};

	return level >= 1 && level <= 5 ? texts[level] : texts[0];
}

const char *km_walk_address_text(enum km_walk_address meaning)
{
	static const char *const texts[] = {"GPA", "GVA", "L2 GPA"};

	return texts[meaning];
}

enum km_walk_address km_mmu_address_meaning(const struct km_mmu *mmu)
{
	if (!strcmp(mmu->name, "guest_mmu"))
		return KM_ADDR_L2_GPA;
	return mmu->root_role.direct ? KM_ADDR_GPA : KM_ADDR_GVA;
}

/* SPTE_INDEX() */
static unsigned spte_index(uint64_t addr, int level)
{
	return (addr >> (KM_PAGE_SHIFT + 9 * (level - 1))) & 0x1ff;
}

/*
 * Before 5.14, f1b832550832 ("KVM: x86/mmu: Fix TDP MMU page table level"), role.level of the TDP
 * MMU's page tables, except roots, is that of the table above. Known are the kernels before 5.13
 * among these, whose SPTEs have no MMU-present bit.
 */
static bool has_level_above(const struct km_kernel *k, const struct km_mmu_page *sp)
{
	struct km_val tdp, roots;

	if (!k->masks.layout || k->masks.layout->mmu_present_mask || !sp->role_known ||
	    sp->role.level <= PG_LEVEL_4K)
		return false;
	tdp = km_kget(k, sp->addr, KM_M_kvm_mmu_page_tdp_mmu_page);
	roots = km_kget(k, sp->addr, KM_M_kvm_mmu_page_root_count);
	return km_is_known(tdp) && tdp.v && km_is_known(roots) && !roots.v;
}

void km_mmu_page_read_key(const struct km_kernel *k, uint64_t pa, struct km_mmu_page *sp)
{
	struct km_val addr = km_to_shadow_page(k, pa), role;

	memset(sp, 0, sizeof(*sp));
	sp->known = km_is_known(addr);
	sp->addr = addr.v;
	if (!sp->addr)
		return;
	role = km_kget(k, addr.v, KM_M_kvm_mmu_page_role);
	sp->role_known = km_is_known(role);
	sp->role = km_page_role_decode(&k->page_role, (uint32_t)role.v);
	sp->gfn = km_kget(k, addr.v, KM_M_kvm_mmu_page_gfn);
	sp->role.level -= has_level_above(k, sp);
}

void km_mmu_page_read(const struct km_kernel *k, uint64_t pa, struct km_mmu_page *sp)
{
	km_mmu_page_read_key(k, pa, sp);
	if (!sp->addr)
		return;
	sp->tdp_mmu_page = km_kget(k, sp->addr, KM_M_kvm_mmu_page_tdp_mmu_page);
	sp->unsync = km_kget(k, sp->addr, KM_M_kvm_mmu_page_unsync);
	sp->mmu_valid_gen = km_kget(k, sp->addr, KM_M_kvm_mmu_page_mmu_valid_gen);
	sp->nx_huge_page_disallowed =
		km_kget(k, sp->addr, KM_M_kvm_mmu_page_nx_huge_page_disallowed);
	sp->root_count = km_kget(k, sp->addr, KM_M_kvm_mmu_page_root_count);
}

/* How the kvm_mmu_page contradicts its place in the walk, or NULL. */
static const char *check_mmu_page(const struct km_spte_masks *masks, const struct km_walk_level *l,
				  const struct km_walk *walk)
{
	const struct km_mmu_page *sp = &l->sp;

	for (size_t i = 0; i < walk->count; i++) {
		if (walk->levels[i].table_pa == l->table_pa && !walk->levels[i].special)
			return "this page-table page is its own ancestor";
	}
	if (!sp->role_known)
		return NULL;
	/* a 5-level root for nested NPT may shadow a 4-level one: role.passthrough */
	if (sp->role.level != l->level && !sp->role.passthrough)
		return "kvm_mmu_page.role.level is not the level of the walk";
	/* the gfn of a direct page is that of the first address that it maps, without direct bits
	 */
	if (sp->role.direct && walk->meaning == KM_ADDR_GPA && km_is_known(sp->gfn)) {
		unsigned shift = KM_PAGE_SHIFT + 9 * l->level;
		uint64_t first = shift < 64 ? walk->addr >> shift << shift : 0;

		if (sp->gfn.v != (first >> KM_PAGE_SHIFT & ~masks->gfn_direct_bits))
			return "kvm_mmu_page.gfn is not the gfn of the walk";
	}
	return NULL;
}

static void end_unreadable(struct km_walk *walk, const km_error *why)
{
	walk->end = KM_END_UNREADABLE;
	walk->uncovered = km_error_code(why) == KM_EABSENT;
}

/* Read the entry of pae_root for the address, which the processor loads as PDPTE. */
static bool read_pae_root(const struct km_kernel *k, const struct km_spte_masks *masks,
			  const struct km_mmu *mmu, struct km_walk *walk, uint64_t *table)
{
	struct km_walk_level *l = &walk->levels[0];
	uint64_t entry;
	km_scoped_error *err = NULL;

	l->level = PT32E_ROOT_LEVEL;
	l->index = (walk->addr >> 30) & 3;
	l->special = true;
	l->table_pa = mmu->pae_root.v;
	walk->end_level = l->level;
	if (!km_is_known(mmu->pae_root) || !mmu->pae_root.v) {
		walk->end = KM_END_UNREADABLE;
		return false;
	}
	err = km_read_virt_as(k->mem, mmu->pae_root.v + l->index * 8, &entry, sizeof(entry),
			      KM_PAE_ROOT);
	if (err) {
		end_unreadable(walk, err);
		return false;
	}
	l->spte = km_spte_decode(masks, entry, l->level);
	walk->count = 1;
	*table = entry & masks->base_addr_mask;
	if (!(entry & 1)) {
		walk->end = KM_END_NOT_PRESENT;
		return false;
	}
	return true;
}

bool km_is_dummy_root(const struct km_kernel *k, uint64_t root)
{
	/*
	 * The dummy root is the zero page, since 6.7: 0e3223d8d00a ("KVM: x86/mmu: Use dummy root,
	 * backed by zero page, for !visible guest roots"). Older kernels have none.
	 */
	struct km_val pfn = km_kernel_variable(k, "zero_pfn", 8);

	if (!km_is_known(pfn))
		pfn = km_kernel_variable(k, "zero_page_pfn", 8);
	return km_is_known(pfn) && pfn.v && root >> KM_PAGE_SHIFT == pfn.v;
}

/*
 * A VM with direct bits (TDX) has its private memory in mirror page tables. Mirrors
 * tdp_mmu_get_root_for_fault().
 */
static struct km_val root_for(const struct km_spte_masks *masks, const struct km_mmu *mmu,
			      struct km_walk *walk)
{
	uint64_t direct = walk->addr >> KM_PAGE_SHIFT & masks->gfn_direct_bits;

	walk->mirror = masks->gfn_direct_bits && !direct && walk->meaning == KM_ADDR_GPA &&
		       km_is_known(mmu->mirror_root_hpa);
	return km_walk_root(walk, mmu);
}

/* Find where the walk starts; false: it ends there. Mirrors shadow_walk_init_using_root(). */
static bool start(const struct km_kernel *k, const struct km_spte_masks *masks,
		  const struct km_mmu *mmu, struct km_walk *walk, uint64_t *table, int *level)
{
	struct km_val hpa = root_for(masks, mmu, walk);
	uint64_t root = hpa.v;
	bool below_4 = false;

	*level = walk->root_level = mmu->root_role.level;
	walk->end_level = *level;
	if (!km_is_known(hpa) || *level < 1 || *level > KM_WALK_LEVELS) {
		walk->end = km_is_known(hpa) && *level == 0 ? KM_END_NO_ROOT : KM_END_UNREADABLE;
		return false;
	}
	if (!km_valid_page(root)) {
		walk->end = KM_END_NO_ROOT;
		return false;
	}
	if (km_is_dummy_root(k, root)) {
		walk->end = KM_END_DUMMY_ROOT;
		return false;
	}
	*table = root & masks->base_addr_mask;
	/* 32-bit guest paging with 4 or 5 host levels: the PAE tables below pml4_root */
	if (*level >= PT64_ROOT_4LEVEL && !mmu->root_role.direct) {
		if (!mmu->w || !mmu->w->role_known) {
			walk->end = KM_END_UNREADABLE;
			walk->end_level = 0;
			return false;
		}
		below_4 = mmu->w->cpu_role.base.level < PT64_ROOT_4LEVEL;
	}
	if (below_4)
		*level = PT32E_ROOT_LEVEL;
	walk->root_level = *level;
	if (*level == PT32E_ROOT_LEVEL) {
		if (!read_pae_root(k, masks, mmu, walk, table))
			return false;
		--*level;
	}
	return true;
}

static bool too_wide(const struct km_walk *walk)
{
	unsigned bits =
		walk->root_level == PT32E_ROOT_LEVEL ? 32 : KM_PAGE_SHIFT + 9 * walk->root_level;

	/* a GVA is sign-extended: its width is not relevant */
	return walk->meaning != KM_ADDR_GVA && bits < 64 && walk->addr >> bits;
}

bool km_walk_start(const struct km_kernel *k, const struct km_spte_masks *masks,
		   const struct km_mmu *mmu, uint64_t addr, struct km_walk *walk, uint64_t *table,
		   int *level)
{
	memset(walk, 0, sizeof(*walk));
	walk->addr = addr;
	walk->meaning = km_mmu_address_meaning(mmu);
	if (!start(k, masks, mmu, walk, table, level))
		return false;
	if (too_wide(walk))
		walk->end = KM_END_TOO_WIDE;
	return !too_wide(walk);
}

km_error *km_walk(const struct km_kernel *k, const struct km_spte_masks *masks,
		  const struct km_mmu *mmu, uint64_t addr, struct km_walk *walk)
{
	uint64_t table;
	int level;

	if (!km_walk_start(k, masks, mmu, addr, walk, &table, &level))
		return NULL;
	for (; level >= 1; level--) {
		struct km_walk_level *l = &walk->levels[walk->count];
		km_scoped_error *unreadable = NULL;
		km_error *err = km_check_interrupt(k->mem);
		uint64_t value;

		if (err)
			return err;
		l->level = walk->end_level = level;
		l->table_pa = table;
		l->index = spte_index(addr, level);
		unreadable = km_read_phys_as(k->mem, table + l->index * 8, &value, sizeof(value),
					     "SPTE");
		km_mmu_page_read(k, table, &l->sp);
		l->oddity = check_mmu_page(masks, l, walk);
		if (unreadable) {
			end_unreadable(walk, unreadable);
			return NULL;
		}
		l->spte = km_spte_decode(masks, value, level);
		walk->count++;
		if (l->spte.kind != KM_SPTE_PRESENT) {
			walk->end = KM_END_NOT_PRESENT;
			return NULL;
		}
		if (km_is_last_spte(value, level)) {
			walk->end = KM_END_LEAF;
			return NULL;
		}
		table = value & masks->base_addr_mask;
	}
	walk->end = KM_END_TORN;
	return NULL;
}

char *km_walk_end_text(const struct km_walk *walk, char *buf, size_t size)
{
	static const char *const kinds[] = {
		[KM_SPTE_EMPTY] = "nothing is mapped there",
		[KM_SPTE_FROZEN] = "the entry is frozen: another task is changing it",
		[KM_SPTE_MMIO] = "the entry is an MMIO SPTE",
		[KM_SPTE_NOT_PRESENT] = "the entry is not MMU-present",
	};
	const struct km_walk_level *last = km_walk_last(walk);

	switch (walk->end) {
	case KM_END_LEAF:
		snprintf(buf, size, "ends at a present leaf, level %d (%s)", last->level,
			 km_level_size_text(last->level));
		break;
	case KM_END_NOT_PRESENT:
		snprintf(buf, size, "ends at level %d: %s", last->level,
			 last->special ? "the PAE root entry is not present"
				       : kinds[last->spte.kind]);
		break;
	case KM_END_UNREADABLE:
		if (!walk->end_level)
			snprintf(buf, size,
				 "the root or the role of the MMU is not readable: it is not known "
				 "what the MMU maps");
		else
			snprintf(buf, size,
				 "ends at level %d: the page-table page is not in %s; the entries "
				 "in it are unknown",
				 walk->end_level, walk->uncovered ? "this capsule" : "the dump");
		break;
	case KM_END_NO_ROOT:
		snprintf(buf, size,
			 "there is no root: KVM has to load one before the vCPU enters the guest");
		break;
	case KM_END_DUMMY_ROOT:
		snprintf(buf, size,
			 "the root is the dummy root: no memslot contains the guest's CR3");
		break;
	case KM_END_TOO_WIDE:
		snprintf(buf, size, "a root of level %d cannot map the address", walk->root_level);
		break;
	case KM_END_TORN:
		snprintf(buf, size, "the page tables are inconsistent");
		break;
	}
	return buf;
}
