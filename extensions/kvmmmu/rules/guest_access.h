/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which accesses the guest's own page tables permit: permission_fault() of arch/x86/kvm/mmu.h, and
 * the reserved bits of guest entries.
 */
#ifndef KVMMMU_GUEST_ACCESS_H
#define KVMMMU_GUEST_ACCESS_H

#include "rules/access.h"
#include "rules/spte.h"

enum km_guest_ruling {
	KM_GUEST_PERMITS,
	KM_GUEST_FORBIDS,
	KM_GUEST_NEEDS_AC,   /* depends on EFLAGS.AC, which is not known */
	KM_GUEST_NEEDS_PKRU, /* depends on PKRU, which is not known */
};

struct km_guest_access {
	const uint16_t *words;	   /* the permission table for the guest's entries */
	enum km_acc_format format; /* of its bits */
	bool ept;		   /* they are the EPT entries of a nested hypervisor */
	uint32_t pkru_mask;	   /* of the same table */
	unsigned acc;		   /* ACC_* of KM_ACC_RWUX: the rights of all entries combined */
	unsigned pkey;		   /* protection key of the leaf, 0 to 15 */
	bool ac_known, ac;	   /* EFLAGS.AC: it disables SMAP for explicit accesses */
	bool pkru_known;
	uint32_t pkru;
};

/*
 * Does the guest's table permit the access @pfec (PFERR_WRITE_MASK, PFERR_USER_MASK,
 * PFERR_FETCH_MASK; none: a supervisor's read)? If not, *@pk is whether a protection key forbids
 * it. Mirrors permission_fault().
 */
enum km_guest_ruling km_permission_fault(const struct km_guest_access *in, uint64_t pfec, bool *pk);

/*
 * The bits of the guest's entry @gpte at @level that are reserved; 0: none. *@bad_mt_xwr is set to
 * whether the combination of memory type and rights is reserved (EPT). With @mbec, XU counts as X
 * there. Mirrors is_rsvd_bits_set().
 */
uint64_t km_rsvd_gpte(const struct km_rsvd_bits *rsvd, uint64_t gpte, int level, bool mbec,
		      bool *bad_mt_xwr);

#endif
