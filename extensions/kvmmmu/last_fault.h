/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last fault of a vCPU, found by itself: from the handler's own struct kvm_page_fault on the
 * stack of its thread, from the VMCB, from what VMX caches, from weaker hints.
 */
#ifndef KVMMMU_LAST_FAULT_H
#define KVMMMU_LAST_FAULT_H

#include "mmu.h"
#include "stack.h"

enum km_fault_source {		       /* in the order of trust */
		       KM_FAULT_USER,  /* -a and -e */
		       KM_FAULT_STACK, /* struct kvm_page_fault on the thread's stack */
		       KM_FAULT_VMCB,  /* exit_code NPF, or #PF under shadow paging */
		       KM_FAULT_VMX,   /* exit qualification: the kind of access, no address */
		       KM_FAULT_HINT,  /* MMIO, last_retry_*, apf fields */
};

enum km_fault_age {
	KM_AGE_IN_HANDLER, /* KVM is handling it at this moment */
	KM_AGE_LAST_EXIT,  /* may have been fixed since */
	KM_AGE_RESIDUE,	   /* of an older one */
	KM_AGE_UNKNOWN,
};

/* struct kvm_page_fault as it was found. */
struct km_page_fault {
	uint64_t address; /* of it, on the stack; 0: there is none */
	struct km_val addr, error_code, gfn, pfn, hva, slot, mmu_seq;
	struct km_val exec, write, present, rsvd, user, prefetch, is_tdp, is_private;
	struct km_val max_level, req_level, goal_level, map_writable, write_fault_to_shadow_pgtable;
};

struct km_fault {
	enum km_fault_source source;
	enum km_fault_age age;
	struct km_val addr;	  /* GPA, L2 GPA or GVA: as km_mmu_address_meaning() of @mmu says */
	struct km_val error_code; /* PFERR_* as the handler sees it */
	const struct km_mmu *mmu; /* the context it is about, or NULL if not known */
	struct km_page_fault pf;  /* KM_FAULT_STACK only */
	bool gmet;		  /* U of a fetch is the CPL's, as KVM sets it */
	char from[160];	  /* "struct kvm_page_fault at 0x… in the frame of …": for people */
	char limits[240]; /* what this source leaves open; "" if nothing */
};

#define KM_FAULTS 8

struct km_last_fault {
	struct km_fault faults[KM_FAULTS]; /* best first */
	size_t count;		/* 0: the vCPU's last exit was no fault, nothing in handling */
	char disagreement[240]; /* where the sources differ, or "" */
	char none[240];		/* why there is none, if count is 0 */
	struct km_stack stack;	/* of the thread that is in an ioctl of it, or ran it last */
	bool has_stack;
	struct km_val rip;	 /* of the guest, where it is known; for the same-RIP test */
	struct km_val exit_code; /* AMD: the last exit, fault or not */
};

/*
 * Finds it. Errors: Ctrl-C. Everything that is not readable is in the answer.
 */
km_error *km_last_fault_find(const struct km_kernel *kernel, const struct km_vm *vm,
			     const struct km_vcpu *vcpu, const struct km_vcpu_mmu *all,
			     struct km_last_fault *last);

/* The first that has both an address and an error code and is no residue; NULL if there is none. */
const struct km_fault *km_fault_to_judge(const struct km_last_fault *last);

/* "user", "stack", "VMCB", ... and "in handler", "last exit", ... */
const char *km_fault_source_text(enum km_fault_source source);
const char *km_fault_age_text(enum km_fault_age age);

#endif
