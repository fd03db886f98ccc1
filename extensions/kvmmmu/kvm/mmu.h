/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The MMU contexts of a vCPU (struct kvm_mmu), its walks of guest page tables (struct kvm_pagewalk,
 * since 7.3), the permission tables in both, and the tables that their roles imply.
 * arch/x86/kvm/mmu/mmu.c, kvm_init_mmu().
 */
#ifndef KVMMMU_MMU_H
#define KVMMMU_MMU_H

#include "kvm/vm.h"
#include "rules/mbec.h"

#define KM_MMUS	      3
#define KM_WALKS      2
#define KM_PREV_ROOTS 3
#define KM_TABLES     (KM_MMUS + KM_WALKS)
#define INVALID_PAGE  (~0ULL)

struct km_root {
	struct km_val pgd; /* guest CR3, EPTP or nested CR3 */
	struct km_val hpa;
};

/* A walk of guest page tables: kvm_pagewalk; before 7.3 its members are in the context. */
struct km_pagewalk {
	const char *name; /* "gva_walk", or the context's name */
	uint64_t addr;
	bool role_known;
	struct km_cpu_role cpu_role;
};

struct km_mmu {
	const char *name; /* "root_mmu", "guest_mmu", "nested_mmu" */
	uint64_t addr;
	bool active; /* vcpu.arch.mmu points here */
	bool readable;
	bool used; /* has been initialized since the vCPU was created */
	struct km_page_role root_role;
	const struct km_pagewalk *w; /* the guest walk for its faults, or NULL */
	struct km_root root;
	struct km_root prev_roots[KM_PREV_ROOTS];
	struct km_val mirror_root_hpa, pae_root, pml4_root, pml5_root;
	struct km_rsvd_bits rsvd;
	bool rsvd_known;
	enum km_paging paging; /* how the processor uses its tables */
};

enum km_table_status {
	KM_TABLE_MATCHES,
	KM_TABLE_DIFFERS,    /* contradicts its role */
	KM_TABLE_UNUSED,     /* the context was never used */
	KM_TABLE_PAGING_OFF, /* KVM does not update tables for guest PTEs while CR0.PG=0 */
	KM_TABLE_UNREADABLE,
	KM_TABLE_NO_VERDICT, /* the rule of this kernel is not known */
};

/* A permission table, and the table that its role implies. */
struct km_perm_table {
	const char *context; /* "root_mmu.fmt", "gva_walk.fmt"; before 7.3 "root_mmu" */
	bool spte;	     /* for SPTEs; else for guest PTEs */
	bool ept;
	uint64_t addr; /* of permissions[] */
	enum km_table_status status;
	uint16_t words[KM_PERM_WORDS], expected[KM_PERM_WORDS];
	struct km_perm_inputs inputs; /* of @expected */
	bool pkru_judged;
	uint32_t pkru_mask, expected_pkru;
};

struct km_vcpu_mmu {
	struct km_mmu mmus[KM_MMUS];
	size_t mmu_count;
	struct km_pagewalk walks[KM_MMUS];
	size_t walk_count;
	struct km_perm_table tables[KM_TABLES];
	size_t table_count;
	const struct km_mmu *active; /* vcpu.arch.mmu; NULL: none of these */
	struct km_contradictions contradictions;
};

/* Read all contexts, walks and tables of the vCPU; each has a flag for whether it is readable. */
void km_vcpu_mmu_read(const struct km_kernel *kernel, const struct km_vcpu *vcpu,
		      struct km_vcpu_mmu *mmu);

/* Find the context called @name ("root_mmu") in @all. KM_EUSAGE: this kernel does not have it. */
km_error *km_mmu_by_name(const struct km_vcpu_mmu *all, const char *name,
			 const struct km_mmu **mmu);

/* Return the permission table of @mmu for SPTEs; NULL: this kernel has none (before 7.3). */
const struct km_perm_table *km_spte_table(const struct km_vcpu_mmu *all, const struct km_mmu *mmu);

/* A phrase for output: "matches its role", ... */
const char *km_table_status_text(enum km_table_status status);

/* Number of words, of 16, that differ from the role; 0 if only pkru_mask differs. */
unsigned km_table_differences(const struct km_perm_table *table);

/* Does the processor use the context's tables with MBEC, with GMET? See rules/mbec.h. */
static inline bool km_mmu_has_mbec(const struct km_mmu *mmu)
{
	return km_has_mbec(mmu->paging, mmu->root_role.cr4_smep);
}

static inline bool km_mmu_has_gmet(const struct km_mmu *mmu)
{
	return km_has_gmet(mmu->paging, mmu->root_role.cr4_smep);
}

/* Is there a translation? INVALID_PAGE is not one. Mirrors VALID_PAGE(). */
static inline bool km_valid_page(uint64_t hpa)
{
	return hpa != INVALID_PAGE;
}

#endif
