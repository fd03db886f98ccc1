/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM's fast path for page faults, as a pure function over one SPTE: arch/x86/kvm/mmu/mmu.c,
 * page_fault_can_be_fast() and fast_page_fault().
 */
#ifndef KVMMMU_FAST_PAGE_FAULT_H
#define KVMMMU_FAST_PAGE_FAULT_H

#include "judges.h"

/* RET_PF_*: what a step of the handler returns. Their numbers differ between kernels. */
enum km_ret_pf {
	KM_RET_PF_CONTINUE,	   /* go on with the next step */
	KM_RET_PF_RETRY,	   /* let the guest try again */
	KM_RET_PF_EMULATE,	   /* MMIO, or an access that must be emulated */
	KM_RET_PF_WRITE_PROTECTED, /* the gfn is write-protected: retry or emulate (6.12 on) */
	KM_RET_PF_INVALID,	   /* the fast path cannot tell: take the slow one */
	KM_RET_PF_FIXED,	   /* the SPTE was changed so that the access may succeed */
	KM_RET_PF_SPURIOUS,	   /* the SPTE already permits the access */
	KM_RET_PF_EXIT,		   /* an error: KVM_RUN returns to userspace */
	KM_RET_PF_UNKNOWN,	   /* evidence is missing: see why */
};

/* "RET_PF_RETRY", ... */
const char *km_ret_pf_name(enum km_ret_pf ret);

struct km_fast_page_fault_in {
	const struct km_spte_masks *masks;
	/* 16 words of the table that judges SPTEs (7.3); NULL: is_access_allowed() judges */
	const uint16_t *words;
	enum km_spf_form form;
	uint64_t error_code;
	uint64_t spte;	       /* the last one of the walk */
	int level;	       /* its */
	bool dirty_logged;     /* its slot has KVM_MEM_LOG_DIRTY_PAGES */
	bool private_mismatch; /* the fault's private bit differs from the gfn's attribute */
};

/* The step at which the fast path ended, in its order. */
enum km_fast_step {
	KM_FAST_RSVD,		  /* reserved bits: MMIO, not for the fast path */
	KM_FAST_PRIVATE_MISMATCH, /* goes to userspace by the slow path */
	KM_FAST_NOT_PRESENT,	  /* A/D bits are on: there is nothing to restore */
	KM_FAST_NOT_WRITE,	  /* present and no write: nothing it could fix */
	KM_FAST_NO_SPTE,	  /* the last SPTE is not shadow-present */
	KM_FAST_NO_LEAF,
	KM_FAST_ALLOWED,	/* spurious */
	KM_FAST_OUT_OF_RANGE,	/* KM_SPF_V1: reads past the table; the result is not knowable */
	KM_FAST_DIRTY_LOG_HUGE, /* W of a huge page is left to the slow path */
	KM_FAST_UNCHANGED,	/* nothing to change */
	KM_FAST_STILL_DENIED,	/* what could be changed is not enough */
	KM_FAST_FIXED,
};

/* One sentence a step, without a full stop. */
const char *km_fast_step_text(enum km_fast_step step);

struct km_fast_page_fault {
	enum km_ret_pf ret; /* INVALID, SPURIOUS or FIXED; UNKNOWN if KM_FAST_OUT_OF_RANGE */
	enum km_fast_step step;
	bool tried;	   /* page_fault_can_be_fast(): the kernel got as far as the walk */
	uint64_t new_spte; /* of a fix; else the old one */
};

/* What fast_page_fault() does with this SPTE if nobody changes it meanwhile. */
struct km_fast_page_fault km_fast_page_fault(const struct km_fast_page_fault_in *in);

#endif
