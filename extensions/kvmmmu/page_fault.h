/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What KVM does with a fault, step by step, over the state of the dump: kvm_mmu_page_fault(), the
 * fast path, kvm_mmu_faultin_pfn(), is_page_fault_stale(), kvm_tdp_mmu_map() or the shadow MMU's
 * map, and FNAME(page_fault) for indirect MMUs. A simulation: nothing is changed.
 */
#ifndef KVMMMU_PAGE_FAULT_H
#define KVMMMU_PAGE_FAULT_H

#include "fast_page_fault.h"
#include "last_fault.h"
#include "memslots.h"
#include "panel.h"
#include "walk.h"

/* Everything that the handler would look at. Values may be unreadable: then the path says so. */
struct km_page_fault_state {
	const struct km_kernel *kernel;
	const struct km_vm *vm;
	const struct km_vcpu *vcpu;
	const struct km_vcpu_mmu *all;
	const struct km_mmu *mmu;
	const struct km_spte_masks *masks;
	const struct km_walk *walk; /* of the faulting address in mmu */
	const struct km_memslots *slots;
	const struct km_memslot *slot; /* of the gfn, or NULL: none, or not readable */
	bool slots_known;
	uint64_t addr, error_code;
	uint64_t gfn; /* KM_ADDR_GPA: of addr; under paged shadow MMUs from the guest's tables, if
			 gfn_known */
	bool gfn_known;
	const struct km_page_fault *live; /* the handler's own view, or NULL */
};

enum km_step_outcome {
	KM_STEP_PASSES, /* the path goes on */
	KM_STEP_ENDS,	/* it returns here */
	KM_STEP_OPEN,	/* evidence is missing, or lies outside the dump (the host's page tables) */
};

struct km_step {
	const char *function; /* the kernel's: "is_page_fault_stale" */
	const char *id;	      /* for machines: "stale-root" */
	enum km_step_outcome outcome;
	enum km_ret_pf ret; /* if it ends here */
	char text[200];	    /* the question, the value that answered it */
};

#define KM_STEPS 24

/* Steps behind an open one are told as they would go if it passed. */
struct km_page_fault_path {
	struct km_step steps[KM_STEPS];
	size_t count;
	enum km_ret_pf ret;	   /* of the handler; KM_RET_PF_UNKNOWN if a step is open */
	const struct km_step *end; /* the step that decided, or the first open one */
	/* what the address is in the guest's memory, as far as the path found out */
	bool gfn_known;
	uint64_t gfn;
	/*
	 * Will the guest meet what it met before? True only if it re-enters and nothing that the
	 * processor looks at is changed by this path.
	 */
	bool loops;
	bool loops_known;
	char loops_text[240]; /* why, or what keeps it from being known */
	/* What the other test (is_access_allowed() or spte_permission_fault()) would have said,
	 * where it differs on this fault; "" if it does not. */
	char other_test[240];
};

/* Step @id of the path, or NULL: it did not come to it. */
const struct km_step *km_path_step(const struct km_page_fault_path *path, const char *id);

/*
 * Errors: Ctrl-C. Guest memory (an indirect MMU's guest tables) is read only from a dump, never
 * while a capsule is made or asked.
 */
km_error *km_page_fault_replay(const struct km_page_fault_state *state,
			       struct km_page_fault_path *path);

#endif
