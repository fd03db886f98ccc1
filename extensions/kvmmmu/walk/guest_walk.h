/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walk the guest's page tables through memslots and the host's page tables, if the dump contains
 * guest memory. A capsule never does. Mirrors FNAME(walk_addr).
 */
#ifndef KVMMMU_GUEST_WALK_H
#define KVMMMU_GUEST_WALK_H

#include "kvm/guest_paging.h"
#include "kvm/memslots.h"
#include "rules/guest_access.h"

#define KM_GUEST_LEVELS	    5
#define KM_GUEST_ALL_ACCESS (ACC_READ_MASK | ACC_WRITE_MASK | ACC_USER_MASK | ACC_EXEC_MASK)

enum km_guest_end {
	KM_GUEST_OPEN,	 /* something is not in the dump: see why */
	KM_GUEST_MAPPED, /* a leaf that permits the access */
	KM_GUEST_FAULTS, /* the guest's tables do not map the address, or forbid the access */
};

/* Page tables of a guest. */
struct km_guest_tables {
	const struct km_pagewalk *w;	     /* the paging mode is in its role; NULL: not known */
	struct km_val root;		     /* CR3, nested CR3, EPTP */
	bool ept;			     /* those of a nested hypervisor on Intel */
	const struct km_guest_tables *outer; /* translate the addresses in these; NULL: they are
						guest-physical */
};

/* An entry that was read. */
struct km_guest_entry {
	int level;
	unsigned index;	 /* within its table */
	uint64_t table;	 /* address of its table, as the entry above has it */
	uint64_t gpa;	 /* of the entry; the same unless there are outer tables */
	uint64_t pte;	 /* 4-byte entries are zero-extended */
	unsigned access; /* ACC_* of KM_ACC_RWUX: its own rights */
};

struct km_guest_walk {
	enum km_guest_end end;
	int level;	   /* of the last entry, or the one that is not readable */
	uint64_t pte;	   /* the last one that was read */
	uint64_t gfn;	   /* KM_GUEST_MAPPED */
	unsigned access;   /* ACC_* of KM_ACC_RWUX: the rights of all entries combined */
	int top;	   /* level of the first table */
	bool reserved;	   /* ended by an entry with reserved bits */
	bool rsvd_checked; /* the reserved bits are known */
	struct km_guest_entry entries[KM_GUEST_LEVELS]; /* root first */
	size_t count;
	char why[160]; /* one phrase */
};

/*
 * Walk @addr in the guest tables that @mmu shadows, and judge the access @error_code by the
 * permission table for the walk, which is in @all, and by the registers of @vcpu. The only error
 * is Ctrl-C.
 */
km_error *km_guest_walk(const struct km_kernel *kernel, const struct km_vm *vm,
			const struct km_vcpu *vcpu, const struct km_vcpu_mmu *all,
			const struct km_mmu *mmu, const struct km_memslots *slots, uint64_t addr,
			uint64_t error_code, struct km_guest_walk *walk);

/* The guest tables that @mmu shadows. */
struct km_guest_tables km_guest_tables_of(const struct km_mmu *mmu);

/*
 * Walk @addr in @tables, whatever their entries permit: KM_GUEST_MAPPED means that there is a leaf.
 * The only error is Ctrl-C.
 */
km_error *km_guest_walk_tables(const struct km_kernel *kernel, const struct km_vm *vm,
			       const struct km_memslots *slots,
			       const struct km_guest_tables *tables, uint64_t addr,
			       struct km_guest_walk *walk);

/* The protection key of the leaf at the end of @walk; 0 outside of long mode. FNAME(gpte_pkeys). */
static inline unsigned km_guest_pkey(const struct km_guest_walk *walk)
{
	return walk->top >= 4 ? walk->pte >> 59 & 0xf : 0;
}

/* Set of @access what is in @paging: EFLAGS.AC and PKRU. */
void km_guest_access_registers(const struct km_guest_paging *paging,
			       struct km_guest_access *access);

/* The permission table in @all for the guest's entries that @w walks; NULL: none. */
const struct km_perm_table *km_guest_table(const struct km_vcpu_mmu *all,
					   const struct km_pagewalk *w);

/* How the entries of a guest's page tables are read. */
struct km_gpte_format {
	bool ept;  /* those of a nested hypervisor on Intel */
	bool mbec; /* likewise: bit 10 is a permission */
	bool pse;  /* 4-byte entries: CR4.PSE */
};

/* An entry of a guest's page table. */
struct km_gpte {
	bool present;
	bool leaf; /* it maps memory, and not a page table */
	bool writable;
	uint64_t gfn;
};

/* Return how the tables that @mmu shadows are read; false: the guest's paging mode is not known. */
bool km_gpte_format(const struct km_mmu *mmu, struct km_gpte_format *format);

/*
 * Does @role tell the size of the entries that are shadowed? Not on AMD with 5.10, whose roles for
 * page tables of nested guests have CR4.PAE of the nested guest, and not of its hypervisor, whose
 * page tables they are.
 */
bool km_gpte_size_known(const struct km_kernel *kernel, const struct km_mmu *mmu,
			const struct km_page_role *role);

/*
 * Decode the entry that entry @index of a shadow page with @role shadows. @table:
 * the 4096 bytes of the guest's page table. gfn: of the page table or, of a leaf, the first that
 * the shadow page's entry maps.
 */
struct km_gpte km_gpte_decode(const struct km_gpte_format *format, const struct km_page_role *role,
			      const uint8_t *table, unsigned index);

/* Read the guest's page table at @gfn; return false if it is not known. A capsule has none. */
bool km_guest_table_read(const struct km_kernel *kernel, const struct km_vm *vm,
			 const struct km_memslots *slots, uint64_t gfn,
			 uint8_t table[KM_PAGE_SIZE]);

#endif
