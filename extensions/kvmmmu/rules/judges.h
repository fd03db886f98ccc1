/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The judges of the panel, each a pure function: does an SPTE forbid an access? walk/panel.h
 * reports which judge the kernel itself consults and what a difference means.
 */
#ifndef KVMMMU_JUDGES_H
#define KVMMMU_JUDGES_H

#include "rules/permissions.h"
#include "rules/spte.h"

/* Which version of spte_permission_fault() (7.3 series). */
enum km_spf_form {
	KM_SPF_MERGED, /* error code masked to W, U, F */
	KM_SPF_V1,     /* as first posted: error_code >> 1 unmasked */
};

struct km_spf {
	bool denied;
	bool not_present;  /* denied because the SPTE is not MMU-present: no word was looked up */
	uint64_t index;	   /* of the word that was looked up: error code >> 1 */
	unsigned acc;	   /* the rights, which are the bit in that word */
	bool out_of_range; /* KM_SPF_V1: the index is past the table; @denied is meaningless */
};

/*
 * Look the access up in a table of SPTE permissions. @words has 16 entries in KM_ACC_RWUX format,
 * the only one that such a table has ever had; for a kernel before the 7.3 series, make them with
 * km_spte_perm_inputs(). Mirrors spte_permission_fault(), whose pfec is an unsigned int: bits 32
 * and above of the error code are ignored.
 */
struct km_spf km_spte_permission_fault(const struct km_spte_masks *masks,
				       const uint16_t words[KM_PERM_WORDS], uint64_t spte,
				       uint64_t error_code, enum km_spf_form form);

/*
 * Mirrors is_access_allowed() of the generation in masks->layout. The caller has checked that the
 * entry is MMU-present.
 */
bool km_is_access_allowed(const struct km_spte_masks *masks, uint64_t spte, uint64_t error_code);

/* How the processor is configured to use the tables. */
struct km_cpu_paging {
	enum km_paging paging;
	bool mbec; /* EPT: mode-based execute control is enabled */
	bool gmet; /* NPT: guest mode execute trap is enabled */
	bool nx;   /* execute-disable is enabled: EFER.NX of the host; true under shadow paging */
	/*
	 * Shadow paging only: CR4.SMEP and CR4.SMAP of the processor while the guest runs. Leave
	 * SMAP unset where it does not apply or that is not known: EFLAGS.AC=1 disables it for
	 * explicit accesses.
	 */
	bool cr4_smep, cr4_smap;
};

enum km_hw_reason {
	KM_HW_ALLOWS,
	KM_HW_NOT_PRESENT,	 /* P=0; EPT: R=W=X=0 */
	KM_HW_READ,		 /* EPT: read of R=0 */
	KM_HW_WRITE,		 /* W=0 */
	KM_HW_USER,		 /* U=0 */
	KM_HW_FETCH,		 /* NX=1; EPT: X=0 */
	KM_HW_SUPERVISOR_FETCH,	 /* SMEP, GMET: fetch from a user page */
	KM_HW_SUPERVISOR_ACCESS, /* SMAP */
	KM_HW_RESERVED,		 /* reserved bits */
	KM_HW_MISCONFIG,	 /* EPT misconfiguration */
};

struct km_hw_verdict {
	bool denied;
	enum km_hw_reason reason;
	int level;	 /* of the entry that denies the access; 0 if allowed */
	bool incomplete; /* no entry denies the access, but the walk ends above a leaf */
	bool rmp;	 /* no entry denies the access: the RMP did, which is not a page table */
};

/* An entry of the walk. */
struct km_hw_entry {
	uint64_t value;
	int level;
};

/*
 * What the processor does with these entries, root first; bits W, U and F of @error_code are the
 * kind of access. An entry that is not present, has reserved bits or is misconfigured ends the
 * walk. Otherwise the rights of all entries are combined, as in the SDM and the APM. U is a user
 * access under shadow paging, and for fetches with MBEC or GMET; otherwise NPT treats every access
 * as a user access, and EPT ignores it. Under NPT, the RMP is checked after the nested tables:
 * @error_code shows whether it denied the access (PFERR_RMP_CHECK).
 *
 * @rsvd NULL: reserved bits are not checked. KVM's masks contain bits that KVM does not use but
 * the processor ignores. These are not checked: me_mask, NX (see cpu->nx), bit 7 of a 1 GiB entry
 * without EPT (it depends on the guest's CPUID), bit 8 of upper levels under shadow paging (AMD
 * only), A of a PAE root (emulators set it), and bad_mt_xwr, which forbids execute-only entries
 * although all processors of the last decade that have EPT support them. Memory types 2, 3 and 7,
 * and W without R, are always misconfigurations.
 *
 * The entries of a PAE root (level 3, shadow paging) have no rights: pass @pae_root_level = 3 if
 * the first entry is one, else 0. Below a level-4 root, even a special one, pae_root contains
 * ordinary entries.
 */
struct km_hw_verdict km_processor_judges(const struct km_spte_masks *masks,
					 const struct km_cpu_paging *cpu,
					 const struct km_rsvd_bits *rsvd,
					 const struct km_hw_entry *entries, size_t count,
					 uint64_t error_code, int pae_root_level);

/* A short phrase for each reason: "W=0", "NX=1 (fetch)". */
const char *km_hw_reason_text(enum km_hw_reason reason, enum km_paging paging);

#endif
