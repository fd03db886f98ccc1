/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The steps of KVM's page-fault handler with the state of the dump: kvm_mmu_page_fault(),
 * fast_page_fault(), kvm_mmu_faultin_pfn(), is_page_fault_stale(), kvm_tdp_mmu_map() or
 * direct_map(), and FNAME(page_fault) for indirect MMUs. The target is only read.
 */
#ifndef KVMMMU_PAGE_FAULT_PATH_H
#define KVMMMU_PAGE_FAULT_PATH_H

#include "rules/fast_page_fault.h"
#include "fault/last_fault.h"
#include "kvm/memslots.h"
#include "walk/panel.h"
#include "walk/walk.h"

/* The state that the handler depends on. If something is not readable, the path reports it. */
struct km_page_fault_state {
	const struct km_kernel *kernel;
	const struct km_vm *vm;
	const struct km_vcpu *vcpu;
	const struct km_vcpu_mmu *all;
	const struct km_mmu *mmu;
	const struct km_spte_masks *masks;
	const struct km_walk *walk; /* of the faulting address in mmu */
	const struct km_memslots *slots;
	const struct km_memslot *slot; /* of the gfn; NULL: none, or not readable */
	bool slots_known;
	uint64_t addr, error_code;
	uint64_t gfn; /* of @addr; for an indirect MMU from the guest's tables, if gfn_known */
	bool gfn_known;
	const struct km_page_fault *live; /* the handler's struct kvm_page_fault, or NULL */
};

enum km_step_outcome {
	KM_STEP_PASSES, /* the path continues */
	KM_STEP_ENDS,	/* the handler returns here */
	KM_STEP_OPEN,	/* not known: evidence is missing or not part of a dump */
};

struct km_step {
	const char *function; /* the kernel's function: "is_page_fault_stale" */
	const char *id;	      /* for machines: "stale-root" */
	enum km_step_outcome outcome;
	enum km_ret_pf ret; /* KM_STEP_ENDS: the result */
	char text[200];	    /* what is checked, and the value that decides */
};

#define KM_STEPS 24

/* Steps after an open one are those that follow if it passes. */
struct km_page_fault_path {
	struct km_step steps[KM_STEPS];
	size_t count;
	enum km_ret_pf ret;	   /* of the handler; KM_RET_PF_UNKNOWN if a step is open */
	const struct km_step *end; /* the last step, or the first open one */
	/* the gfn of the address, if the path found it */
	bool gfn_known;
	uint64_t gfn;
	/*
	 * Does the guest fault again? True only if it is re-entered and this path changes nothing
	 * that the processor uses.
	 */
	bool loops;
	bool loops_known;
	char loops_text[240]; /* why, or why it is not known */
	/* the result of the other test (is_access_allowed() or spte_permission_fault()) if it
	 * differs on this fault; else "" */
	char other_test[240];
};

/* Return step @id of the path; NULL: the path does not contain it. */
const struct km_step *km_path_step(const struct km_page_fault_path *path, const char *id);

#endif
