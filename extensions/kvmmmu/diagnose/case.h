/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The case of one vCPU: everything that the diagnoses look at, gathered once. What is missing is
 * marked, nothing is fatal.
 */
#ifndef KVMMMU_CASE_H
#define KVMMMU_CASE_H

#include "page_fault.h"
#include "tasks.h"
#include "vma.h"
#include "wait.h"

struct km_case {
	const struct km_kernel *kernel;
	const struct km_vm *vm;
	const struct km_vcpu *vcpu;
	struct km_vcpu_mmu all;
	struct km_spte_masks masks; /* as its VM has them, read as mmu's tables are */
	const struct km_mmu *mmu;   /* that the fault is about, else the active one; NULL: none */
	struct km_last_fault last;
	/* The one that is judged; NULL: there is none. Its addr and error_code may be unknown: what
	 * hangs on them is in has_addr and has_error_code. */
	const struct km_fault *fault;
	bool has_addr, has_error_code;
	uint64_t addr, error_code; /* of the fault */
	bool gfn_known;
	uint64_t gfn; /* of addr: as the handler computed it, or of a GPA */
	bool slots_known;
	struct km_memslots slots;
	const struct km_memslot *slot; /* of gfn, or NULL; means "none" only if slots_known */
	bool has_hva;
	uint64_t hva;	   /* of the faulting page, where there is a slot */
	struct km_vma vma; /* of hva; not known if there is none */
	bool has_walk, has_panel, has_path;
	struct km_walk walk;		/* of addr in mmu */
	enum km_spf_form form;		/* --v1 */
	struct km_panel panel;		/* needs the error code */
	struct km_page_fault_path path; /* likewise */
	const struct km_tasks *tasks;	/* threads of the host that matter; shared by all cases */
	struct km_wait wait;
};

/* How much is gathered; a capsule has less of what nobody faulted on. */
enum km_case_depth {
	KM_CASE_WHOLE, /* also what the thread waits for, and the VMA behind the page */
	KM_CASE_PATH,  /* the fault, and what KVM's handler does with it */
	KM_CASE_WALK,  /* the fault, the walk under it, the judges */
};

struct km_case_options {
	bool has_addr, has_error_code; /* the user's own fault: -a, -e */
	uint64_t addr, error_code;
	const char *mmu; /* context by name, or NULL */
	enum km_spf_form form;
	enum km_case_depth depth;
};

/*
 * Gathers it. @tasks may be NULL. Errors: Ctrl-C, out of memory; KM_EUSAGE if there is no context
 * of the name in @options. The caller calls km_case_deinit() in any case; pointers in the case lead
 * into it: it must not be copied.
 */
km_error *km_case_read(const struct km_kernel *kernel, const struct km_vm *vm,
		       const struct km_vcpu *vcpu, const struct km_tasks *tasks,
		       const struct km_case_options *options, struct km_case *c);
void km_case_deinit(struct km_case *c);

/* Is KVM handling the fault at this moment? Else it may be older than what the dump shows. */
static inline bool km_case_in_handler(const struct km_case *c)
{
	return c->fault && c->fault->age == KM_AGE_IN_HANDLER;
}

/* Was a fault the last thing that the vCPU did, as far as known, or is one being handled? */
static inline bool km_case_is_current(const struct km_case *c)
{
	return c->fault &&
	       (c->fault->age == KM_AGE_IN_HANDLER || c->fault->age == KM_AGE_LAST_EXIT);
}

#endif
