/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the check for a kind of anomaly (kinds/NAME.c) examines, and what it returns. */
#ifndef KVMMMU_LOOK_H
#define KVMMMU_LOOK_H

#include "audit/anomaly.h"
#include "audit/host_pages.h"
#include "audit/pfn_map.h"
#include "kvm/dirty_rings.h"
#include "kvm/memslots.h"
#include "kvm/mmu_pages.h"
#include "kvm/pml.h"
#include "threads/tasks.h"
#include "walk/guest_walk.h"
#include "walk/page_tables.h"

#include <inttypes.h>

/* What is the same for all entries of a VM. */
struct km_audit_vm {
	const struct km_kernel *kernel;
	const struct km_vm *vm;
	struct km_tasks *tasks;	     /* for km_tasks_get() */
	struct km_memslots slots[2]; /* of each address space */
	bool slots_known[2];	     /* all of them */
	struct km_val nx_huge_pages;
	struct km_host_pages host;
	/* the last run of entries that all fit what the host maps */
	uint64_t host_fits_pa;
	unsigned host_fits_run;
	const struct km_page_tables *tables; /* those found so far */
	/*
	 * The first direct context, and the first whose reserved-bit masks differ from its. A
	 * context that agrees with either fits: if the first is the odd one, the others are not.
	 */
	struct km_mmu direct[2];
	unsigned direct_count;

	struct km_logged_pages rings, pml; /* read when a slot needs them */
	struct km_pfn_map pfns; /* of leaves whose HVA the host's page tables do not tell about */

	/* of kinds of VMs: what was seen */
	struct km_mmu_pages mmu_pages;
	uint64_t leaves[KM_WALK_LEVELS + 1]; /* by level */
	uint64_t tdp_pages;		     /* of the TDP MMU, without roots */
	uint64_t indirect_pages; /* valid shadow pages that shadow a page table of the guest */
	bool all_seen; /* every page table of the VM, and no anomaly in entries or tables */
};

struct km_look {
	struct km_audit_vm *all;
	const struct km_mmu *mmu; /* the context below whose root the page was found first */
	const struct km_vcpu *vcpu;
	enum km_certainty vcpu_certainty;   /* km_vcpu_certainty() */
	const struct km_vcpu_mmu *contexts; /* of @vcpu */
	const struct km_spte_masks *masks;

	/* of kinds of entries and tables */
	const struct km_table_page *page;
	const struct km_mmu_page *sp; /* of @page */
	unsigned index;
	struct km_spte spte;
	bool stale; /* no vCPU may enter the guest with it: what it maps may be out of date */
	/* That the entry maps first, without the shared bit: known for direct tables and for
	 * leaves. */
	struct km_val gfn;
	const struct km_memslots *slots; /* of its address space; NULL: not known */
	const struct km_memslot *slot;	 /* of @gfn; NULL: none, or not known */
	/*
	 * The entries from @index on: leaves that map successive gfns of @slot and differ only in
	 * their page frame numbers. If one of several does not fit, the answer may be any but
	 * KM_FITS: each is then looked at alone.
	 */
	const uint64_t *values;
	unsigned run;

	/* the guest's page table that @page shadows, and how it is read; NULL: none, or not known
	 */
	const uint8_t *guest_table;
	const struct km_gpte_format *format;

	/* of kinds of tables */
	const struct km_table_page *child_page; /* NULL: it was not examined: there are too many */
	struct km_mmu_page child;

	/* of kinds of roots */
	uint64_t root_pa;
	const struct km_table_page *root_page;
	struct km_mmu_page root;
};

enum km_look_answer {
	KM_FITS,
	KM_ANOMALY,
	KM_CANNOT_TELL, /* what it depends on is not readable */
};

/*
 * Look at one entry, table, root or context. If it is an anomaly, describe it in a->what; lower
 * a->certainty if something legal may explain it.
 */
typedef enum km_look_answer km_audit_fn(const struct km_look *at, struct km_anomaly *a);

/* km_audit_NAME() of every line in kinds.def. */
#define KM_AUDIT(scope, name, ...) km_audit_fn km_audit_##name;
#include "audit/kinds.def"
#undef KM_AUDIT

/* Is it a present leaf that maps a known gfn of a valid table, and are the memslots known? */
static inline bool km_look_has_slots(const struct km_look *at)
{
	return km_is_known(at->gfn) && at->slots;
}

static inline bool km_look_is_leaf(const struct km_look *at)
{
	return at->spte.kind == KM_SPTE_PRESENT && at->spte.leaf;
}

/* Is the role of the table known, and that of the table that the entry points to? */
static inline bool km_look_has_child(const struct km_look *at)
{
	return at->sp->role_known && at->child.role_known && at->child_page &&
	       at->child_page->doubt == KM_TABLE_PROVEN;
}

/* Was the table found through another entry before? */
static inline bool km_look_is_second(const struct km_look *at)
{
	const struct km_table_page *child = at->child_page;

	return !child->parent || at->all->tables->pages[child->parent - 1].pa != at->page->pa ||
	       child->index != at->index;
}

/* Return the VMM's address that the leaf maps. Its memslot must be known. */
static inline uint64_t km_look_hva(const struct km_look *at)
{
	return at->slot->userspace_addr + ((at->gfn.v - at->slot->base_gfn) << KM_PAGE_SHIFT);
}

/* Return the page frame that entry @i of a run maps, as a physical address. */
static inline uint64_t km_look_pa(const struct km_look *at, unsigned i)
{
	return at->values[i] & at->masks->base_addr_mask & ~(uint64_t)(KM_PAGE_SIZE - 1);
}

/* Return where the kernel has the entry. */
static inline uint64_t km_look_sptep(const struct km_look *at)
{
	return at->all->kernel->page_offset_base + at->page->pa + 8 * at->index;
}

/* Is the entry in the list of this kvm_rmap_head.val? KM_ANOMALY: it is not. */
enum km_look_answer km_look_in_rmap(const struct km_look *at, struct km_val head);

/*
 * Find what the VMM's page tables map at the address of a leaf. KM_ANOMALY: @page is set, compare;
 * KM_FITS: there is nothing to compare, or all of a run are mapped as the VMM maps them.
 */
enum km_look_answer km_look_at_host(const struct km_look *at, struct km_host_page *page);

#endif
