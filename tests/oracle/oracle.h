/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One interface to the kernel functions of all generations: glue.c provides it, compare.c uses it.
 */
#ifndef KVMMMU_TESTS_ORACLE_ORACLE_H
#define KVMMMU_TESTS_ORACLE_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

struct oracle_masks {
	uint64_t host_writable, mmu_writable, nx, user, x, xu, accessed, dirty, present, mmio_value,
		mmio_mask, mmio_access, me_value, me_mask, acc_track, nonpresent_or_rsvd,
		nonpresent_or_rsvd_lower_gfn, physical_mask;
	bool ad_enabled, mmio_caching;
};

/* A bit-field of a role: its value in a word, and its bits. The last one has no name. */
struct oracle_field {
	const char *name;
	uint32_t (*get)(uint32_t word);
	uint32_t (*mask)(void);
};

extern const int oracle_gen; /* 601, 702, 703 */
extern const bool oracle_has_spf, oracle_has_access_allowed, oracle_has_dirty, oracle_has_r;
extern const struct oracle_field oracle_page_fields[], oracle_ext_fields[];

void oracle_set_masks(const struct oracle_masks *masks);
/* As KVM sets them up on a machine with these physical address bits. */
void oracle_default_masks(bool ept, int phys_bits, struct oracle_masks *masks);

void oracle_guest_table(uint32_t base, uint32_t ext, bool tdp, bool ept, uint16_t words[16],
			uint32_t *pkru_mask);
void oracle_spte_table(uint32_t root_role, bool tdp, bool ept, uint16_t words[16]);

/* What permission_fault() looks at; acc: in the format of the kernel's words. */
struct oracle_guest_access {
	uint32_t pkru_mask, pkru;
	unsigned acc, pkey;
	bool ac; /* EFLAGS.AC */
	uint64_t pfec;
};

/* The error code, 8 bits; 0: no fault. */
unsigned oracle_permission_fault(const uint16_t words[16], const struct oracle_guest_access *a);

bool oracle_spte_permission_fault(const uint16_t words[16], uint64_t spte, uint64_t error_code);
bool oracle_spte_permission_fault_v1(const uint16_t words[16], uint64_t spte, uint64_t error_code);
bool oracle_is_access_allowed(uint64_t spte, uint64_t error_code);

/*
 * fast_page_fault() over one SPTE: 0 invalid, 1 fixed, 2 spurious. @words is for kernels that have
 * a table of SPTE permissions. Kernels before 6.8 have no private memory.
 */
struct oracle_fault {
	uint64_t spte, error_code;
	int level;
	bool dirty_logged, has_private_mem, gfn_is_private;
};
int oracle_fast_page_fault(const uint16_t words[16], const struct oracle_fault *fault,
			   uint64_t *new_spte);

bool oracle_is_shadow_present(uint64_t spte);
bool oracle_is_frozen(uint64_t spte);
bool oracle_is_mmio(uint64_t spte);
bool oracle_is_last(uint64_t spte, int level);
bool oracle_is_executable(uint64_t spte);
bool oracle_is_writable(uint64_t spte);
bool oracle_ad_enabled(uint64_t spte);
bool oracle_ad_need_write_protect(uint64_t spte);
bool oracle_is_access_track(uint64_t spte);
bool oracle_is_accessed(uint64_t spte);
bool oracle_is_dirty(uint64_t spte);
uint64_t oracle_mark_for_access_track(uint64_t spte);
uint64_t oracle_restore_acc_track(uint64_t spte);
uint64_t oracle_pfn(uint64_t spte);
uint64_t oracle_mmio_generation(uint64_t spte);
uint64_t oracle_mmio_gen_mask(void);
uint64_t oracle_mmio_gfn(uint64_t spte);
unsigned oracle_mmio_access(uint64_t spte);
uint64_t oracle_make_mmio(uint64_t generation, uint64_t gfn, unsigned access);
uint64_t oracle_rsvd(const uint64_t rsvd_bits_mask[2][5], uint64_t bad_mt_xwr, uint64_t spte,
		     int level, bool *is_rsvd);

#endif
