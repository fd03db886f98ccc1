/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The judges of the panel, each a pure function: does this entry forbid this access? What a verdict
 * is worth, and which judge the kernel itself asks, is the panel's business (panel.h).
 */
#ifndef KVMMMU_JUDGES_H
#define KVMMMU_JUDGES_H

#include "permissions.h"
#include "spte.h"

/* Which text of spte_permission_fault() (7.3 series). */
enum km_spf_form {
	KM_SPF_MERGED, /* error code masked to W, U, F */
	KM_SPF_V1,     /* as first posted: error_code >> 1 unmasked */
};

struct km_spf {
	bool denied;
	bool not_present;  /* denied because the SPTE is not MMU-present: no word was looked up */
	uint64_t index;	   /* of the word that was looked up: error code >> 1 */
	unsigned acc;	   /* the rights that were looked up in it */
	bool out_of_range; /* V1 only: index past the table; which memory is read is unknowable
			      here,
			      @denied means nothing */
};

/*
 * Puts the question to a table of SPTE permissions. @words has 16 entries in KM_ACC_RWUX format,
 * the only one in which KVM ever had such a table; for a kernel before the 7.3 series, build it
 * with km_spte_perm_inputs() and hear what the series would say. Mirrors spte_permission_fault(),
 * whose pfec is an unsigned int: bits 32 and above of the error code never count.
 */
struct km_spf km_spte_permission_fault(const struct km_spte_masks *masks,
				       const uint16_t words[KM_PERM_WORDS], uint64_t spte,
				       uint64_t error_code, enum km_spf_form form);

/*
 * Mirrors is_access_allowed() of the generation that masks->layout says (6.1 or 7.2). As there, the
 * caller knows that the entry is MMU-present.
 */
bool km_is_access_allowed(const struct km_spte_masks *masks, uint64_t spte, uint64_t error_code);

/* How the processor was told to use the tables. */
struct km_cpu_paging {
	enum km_paging paging;
	bool mbec; /* EPT: mode-based execute control is on */
	bool gmet; /* NPT: guest mode execute trap is on */
	bool nx;   /* execute-disable is usable: EFER.NX of the host; true under shadow paging */
	/*
	 * Shadow paging only: hardware's CR4.SMEP and CR4.SMAP while the guest runs. Leave SMAP
	 * unset where it does not apply or that is not known: EFLAGS.AC=1 lifts it for explicit
	 * accesses.
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
	int level;	 /* of the entry that denies; 0 if allowed */
	bool incomplete; /* the walk ends above a leaf, without a denying entry: memory missing */
};

/* One entry on the way down, root first. */
struct km_hw_entry {
	uint64_t value;
	int level;
};

/*
 * What the processor does with these entries; error_code gives the kind of access (W, U, F). The
 * processor meets the entries root first: one that is not present, has reserved bits or is
 * misconfigured ends the walk. Then the rights, ANDed over the walk, as the SDM and APM say. U
 * tells a user access under shadow paging and for fetches under MBEC or GMET; else NPT takes all
 * accesses for user ones, and EPT does not ask.
 *
 * @rsvd may be NULL: then reserved bits are not looked at. KVM's masks also hold bits that KVM does
 * not use but the processor ignores; these do not count here: those of me_mask, NX (cpu->nx
 * decides), bit 7 of a 1 GiB entry outside EPT (comes from the guest's CPUID), bit 8 of upper
 * levels under shadow paging (AMD's only), A of a PAE root (emulators set it), and bad_mt_xwr as a
 * whole, which forbids execute-only entries that all processors with EPT of the last decade know. A
 * memory type of 2, 3 or 7 and W without R are always misconfigurations.
 *
 * PAE roots (level-3 entries under a level-3 root with shadow paging) have no R/W/U/NX rights: pass
 * @pae_root_level = 3 for them, else 0. Only the first entry can be one: below a level-4 root, even
 * a special one, pae_root holds ordinary entries.
 */
struct km_hw_verdict km_processor_judges(const struct km_spte_masks *masks,
					 const struct km_cpu_paging *cpu,
					 const struct km_rsvd_bits *rsvd,
					 const struct km_hw_entry *entries, size_t count,
					 uint64_t error_code, int pae_root_level);

/* "W=0", "NX=1 (fetch)", ...: one short phrase per reason. */
const char *km_hw_reason_text(enum km_hw_reason reason, enum km_paging paging);

#endif
