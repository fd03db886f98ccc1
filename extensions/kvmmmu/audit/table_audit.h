/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A search of all page tables below the roots of an MMU for entries that KVM never leaves behind.
 * It replaces the walk of a fault where that is not known.
 */
#ifndef KVMMMU_TABLE_AUDIT_H
#define KVMMMU_TABLE_AUDIT_H

#include "walk/guest_walk.h"
#include "walk/walk.h"

/* One entry of a page table. */
struct km_table_entry {
	bool found;
	uint64_t table_pa; /* of the page table */
	int level;
	unsigned index;
	struct km_spte spte;
};

struct km_table_audit {
	bool done;
	bool complete; /* otherwise, there are more tables than were examined, or unreadable ones */
	uint64_t tables; /* that were examined */
	uint64_t
		unreadable; /* pages in entries that are not readable, or not proven to be tables */
	/* the first entry of each kind */
	struct km_table_entry frozen;
	struct km_table_entry reserved; /* has bits that KVM reserves */
	uint64_t reserved_bits;
	struct km_table_entry weak; /* a non-leaf entry that lacks a permission */
	struct km_table_entry
		mismatch; /* points to a page table that was made for something else */
	struct km_page_role parent_role;
	struct km_mmu_page child;
	const char *mismatch_why;
	bool mismatch_by_guest; /* it is the guest's page table that @mismatch contradicts */
};

/*
 * Look at every entry of a bounded number of tables. @slots: those of the vCPU's address space, for
 * the guest's page tables, if they are in the dump. Errors: Ctrl-C, out of memory.
 */
km_error *km_table_audit(const struct km_kernel *kernel, const struct km_vm *vm,
			 const struct km_memslots *slots, const struct km_spte_masks *masks,
			 const struct km_mmu *mmu, struct km_table_audit *audit);

/*
 * How the page table @child contradicts the entry at @level and @index of @parent that points to
 * it; NULL if it does not, or is not known. A shadow page must not be reused although its gfn or
 * role differs: kvm_mmu_get_child_sp().
 */
const char *km_child_contradiction(const struct km_mmu_page *parent, int level, unsigned index,
				   const struct km_mmu_page *child, uint64_t direct_bits);

/*
 * How @child, a page table below a shadow page of a guest's page table, contradicts the guest's
 * entry that it was created for; NULL if it does not. The guest's tables above level 1 are
 * write-protected: KVM zaps what it created for an entry that changes. kvm_mmu_get_child_sp().
 */
const char *km_child_contradicts_guest(const struct km_gpte *gpte, const struct km_mmu_page *child);

#endif
