/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The case of one vCPU: everything that the conditions use, gathered once. Missing data is marked
 * as missing, which is never fatal.
 */
#ifndef KVMMMU_CASE_H
#define KVMMMU_CASE_H

#include "audit/table_audit.h"
#include "fault/page_fault.h"
#include "threads/tasks_read.h"
#include "walk/vma.h"
#include "threads/wait.h"

struct km_case {
	const struct km_kernel *kernel;
	const struct km_vm *vm;
	const struct km_vcpu *vcpu;
	struct km_vcpu_mmu all;
	struct km_spte_masks masks; /* as its VM has them, read as mmu's tables are */
	const struct km_mmu *mmu;   /* that the fault is about, else the active one; NULL: none */
	/* stat.insn_emulation and insn_emulation_fail: what became of emulated faults */
	struct km_val insn_emulation, insn_emulation_fail;
	/* stat.io_exits and irq_exits, read only of kernels that do not have pf_taken */
	struct km_val io_exits, irq_exits;
	struct km_mmu_page root; /* kvm_mmu_page of the active context's root, if there is one */
	struct km_last_fault last;
	/* The fault that is judged; NULL: there is none. Its addr and error_code may be unknown:
	 * then has_addr or has_error_code is false. */
	const struct km_fault *fault;
	/* It is left over, on the stack or in kvm_run, but counts nearly as much as the last exit.
	 */
	bool residue_counts;
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
	struct km_tasks *tasks;		/* threads of the host that matter; use km_case_tasks() */
	struct km_wait wait;
	struct km_contradictions contradictions;
	struct km_table_audit audit; /* where the fault is not known: instead of its walk */
};

/*
 * Return the threads of the host that matter, which all cases share; NULL: they are not known.
 * Reading them takes longer than all else about a vCPU: only ask if the answer depends on them.
 */
static inline const struct km_tasks *km_case_tasks(const struct km_case *c)
{
	return km_tasks_get(c->tasks);
}

/* Return true if KVM is handling the fault at this moment; otherwise it may be over. */
static inline bool km_case_in_handler(const struct km_case *c)
{
	return c->fault && c->fault->age == KM_AGE_IN_HANDLER;
}

/*
 * Return true if the fault in the handler is one that the guest does not take: KVM maps a page for
 * which an asynchronous page fault is done (kvm_arch_async_page_ready()).
 */
static inline bool km_case_in_async_ready(const struct km_case *c)
{
	return c->fault->source == KM_FAULT_STACK && c->fault->pf.prefetch.v && c->last.has_stack &&
	       km_stack_in(&c->last.stack, "kvm_arch_async_page_ready");
}

/*
 * Return true if the fault is being handled, or is the last thing that the vCPU did as far as is
 * known: the fault of its last exit, or residue that counts as much. Without an address, as that of
 * an Intel processor may be, a fault says no more than its exit, and stands in nothing's way.
 */
static inline bool km_case_is_current(const struct km_case *c)
{
	return c->fault && c->has_addr && !km_case_in_async_ready(c) &&
	       (km_fault_is_current(c->fault) || c->residue_counts);
}

#endif
