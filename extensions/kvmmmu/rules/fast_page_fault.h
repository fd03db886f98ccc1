/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fast path for page faults, as a pure function of one SPTE: page_fault_can_be_fast() and
 * fast_page_fault() of arch/x86/kvm/mmu/mmu.c.
 */
#ifndef KVMMMU_FAST_PAGE_FAULT_H
#define KVMMMU_FAST_PAGE_FAULT_H

#include "rules/judges.h"

/* RET_PF_*: the result of a step of the handler. The numbers differ between kernels. */
enum km_ret_pf {
	KM_RET_PF_CONTINUE,	   /* continue with the next step */
	KM_RET_PF_RETRY,	   /* let the guest retry */
	KM_RET_PF_EMULATE,	   /* MMIO, or another access that has to be emulated */
	KM_RET_PF_WRITE_PROTECTED, /* the gfn is write-protected: retry or emulate (6.12 on) */
	KM_RET_PF_INVALID,	   /* the fast path does not handle it: take the slow path */
	KM_RET_PF_FIXED,	   /* the SPTE was changed so that the access may succeed */
	KM_RET_PF_SPURIOUS,	   /* the SPTE already permits the access */
	KM_RET_PF_EXIT,		   /* an error: KVM_RUN returns to userspace */
	KM_RET_PF_UNKNOWN,	   /* evidence is missing */
};

/* "RET_PF_RETRY", ... for output */
const char *km_ret_pf_name(enum km_ret_pf ret);

struct km_fast_page_fault_in {
	const struct km_spte_masks *masks;
	/* the 16 words of the permission table for SPTEs (7.3); NULL: is_access_allowed() is used
	 */
	const uint16_t *words;
	enum km_spf_form form;
	uint64_t error_code;
	uint64_t spte;	       /* the last one of the walk */
	int level;	       /* of @spte */
	bool dirty_logged;     /* its memslot has KVM_MEM_LOG_DIRTY_PAGES */
	bool private_mismatch; /* the fault's private bit differs from the gfn's attribute */
};

/* Where the fast path ends; in the order of its checks. */
enum km_fast_step {
	KM_FAST_RSVD,		  /* reserved bits: MMIO, not handled by the fast path */
	KM_FAST_PRIVATE_MISMATCH, /* the slow path exits to userspace */
	KM_FAST_NOT_PRESENT,	  /* A/D bits are enabled: nothing is access-tracked */
	KM_FAST_NOT_WRITE,	  /* present and not a write: nothing to fix */
	KM_FAST_NO_SPTE,	  /* the last SPTE is not shadow-present */
	KM_FAST_NO_LEAF,
	KM_FAST_ALLOWED,	/* spurious */
	KM_FAST_OUT_OF_RANGE,	/* KM_SPF_V1: reads past the table; the result is unknown */
	KM_FAST_DIRTY_LOG_HUGE, /* the slow path sets W of a huge page */
	KM_FAST_HUGE,		/* the slow path sets W of any huge page: up to 5.12 */
	KM_FAST_UNCHANGED,	/* nothing to change */
	KM_FAST_STILL_DENIED,	/* what may be changed is not sufficient */
	KM_FAST_FIXED,
};

/* One sentence for each step, without a full stop. */
const char *km_fast_step_text(enum km_fast_step step);

struct km_fast_page_fault {
	enum km_ret_pf ret; /* INVALID, SPURIOUS or FIXED; UNKNOWN if KM_FAST_OUT_OF_RANGE */
	enum km_fast_step step;
	bool tried;	   /* page_fault_can_be_fast(): the kernel walks to the SPTE */
	uint64_t new_spte; /* KM_FAST_FIXED: the new value; else the old one */
};

/* What fast_page_fault() does with this SPTE if nothing else changes it. */
struct km_fast_page_fault km_fast_page_fault(const struct km_fast_page_fault_in *in);

#endif
