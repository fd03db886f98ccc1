/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The MMU contexts of a vCPU (struct kvm_mmu), its walks of guest page tables (struct kvm_pagewalk,
 * since 7.3), and the permission tables in both, beside what their roles imply.
 */
#ifndef KVMMMU_MMU_H
#define KVMMMU_MMU_H

#include "vm.h"

#define KM_MMUS	      3
#define KM_WALKS      2
#define KM_PREV_ROOTS 3
#define KM_TABLES     (KM_MMUS + KM_WALKS)
#define INVALID_PAGE  (~0ULL)

struct km_root {
	struct km_val pgd; /* guest CR3, EPTP or nested CR3 */
	struct km_val hpa;
};

/* A walk of guest page tables: kvm_pagewalk; before 7.3 the context itself holds the same. */
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
	bool used; /* has had a role since the vCPU was made */
	struct km_page_role root_role;
	const struct km_pagewalk *w; /* the walk that its faults use, or NULL */
	struct km_root root;
	struct km_root prev_roots[KM_PREV_ROOTS];
	struct km_val mirror_root_hpa, pae_root, pml4_root, pml5_root;
	struct km_rsvd_bits rsvd;
	bool rsvd_known;
	enum km_paging paging; /* how the processor reads its tables */
};

enum km_table_status {
	KM_TABLE_MATCHES,
	KM_TABLE_DIFFERS,    /* contradicts its role: proven */
	KM_TABLE_UNUSED,     /* context never used */
	KM_TABLE_PAGING_OFF, /* guest tables are not refilled while CR0.PG=0 */
	KM_TABLE_UNREADABLE,
	KM_TABLE_NO_VERDICT, /* this kernel's rule is not known */
};

/* A permission table and what its role implies. */
struct km_perm_table {
	const char *context; /* "root_mmu.fmt", "gva_walk.fmt"; before 7.3 "root_mmu" */
	bool spte;	     /* judges SPTEs; else guest page-table entries */
	bool ept;
	uint64_t addr; /* of permissions[] */
	enum km_table_status status;
	uint16_t words[KM_PERM_WORDS], expected[KM_PERM_WORDS];
	struct km_perm_inputs inputs; /* what @expected was computed from */
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
	const struct km_mmu *active; /* NULL: vcpu.arch.mmu points to none of them */
};

/* Reads all contexts, walks and tables of the vCPU. What is not readable is so marked. */
void km_vcpu_mmu_read(const struct km_kernel *kernel, const struct km_vcpu *vcpu,
		      struct km_vcpu_mmu *mmu);

/* The context of that name ("root_mmu"), within @all. KM_EUSAGE: this kernel has none. */
km_error *km_mmu_by_name(const struct km_vcpu_mmu *all, const char *name,
			 const struct km_mmu **mmu);

/* The table of SPTE permissions of @mmu; NULL on kernels without (before 7.3). */
const struct km_perm_table *km_spte_table(const struct km_vcpu_mmu *all, const struct km_mmu *mmu);

/* "matches its role", ... one phrase a status. */
const char *km_table_status_text(enum km_table_status status);

/* Words of 16 in which the table differs from its role; 0 also if only pkru_mask does. */
unsigned km_table_differences(const struct km_perm_table *table);

/* No translation at all: INVALID_PAGE. Mirrors VALID_PAGE(). */
static inline bool km_valid_page(uint64_t hpa)
{
	return hpa != INVALID_PAGE;
}

#endif
