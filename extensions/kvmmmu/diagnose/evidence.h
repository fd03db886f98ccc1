/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rule that weighs evidence: how much the last fault and the last exit of a vCPU show about its
 * present state. README.md describes it.
 */
#ifndef KVMMMU_EVIDENCE_H
#define KVMMMU_EVIDENCE_H

#include "diagnose/case.h"

/* What the last exit from the guest shows. */
enum km_exit_evidence {
	KM_SHOWS_UNKNOWN,      /* not known, or a shutdown: neither a fault nor an instruction */
	KM_SHOWS_FAULT,	       /* a page fault, or an MMIO access that KVM has to emulate */
	KM_SHOWS_ASYNCHRONOUS, /* an interrupt or NMI: it comes to a looping vCPU, too */
	KM_SHOWS_INSTRUCTION,  /* the guest executed an instruction: I/O, MSR, HLT, ... */
};

/* @exit_code is SVM_EXIT_* or EXIT_REASON_*; @paging is that of the active tables. */
enum km_exit_evidence km_exit_evidence(enum km_vendor vendor, enum km_paging paging,
				       struct km_val exit_code);
enum km_exit_evidence km_case_exit_evidence(const struct km_case *c);

/*
 * Was the last exit that of HLT? Other instructions are also executed by the guest's interrupt
 * handlers, which interrupt a loop of page faults; with HLT the guest has nothing to run.
 */
bool km_case_halted(const struct km_case *c);

/*
 * Return why an older fault, residue on the stack or in kvm_run, does not count nearly as much as a
 * fault of the last exit; NULL if it does.
 */
const char *km_older_objection(const struct km_case *c);

/*
 * A struct kvm_page_fault that lies below the live part of the stack is residue of a fault that has
 * been handled. Return NULL if it counts nearly as much as a fault of the last exit, otherwise why
 * it does not. It counts if
 *  - it lies where the handler's frame was: right below that of KVM_RUN, and nothing overwrote it;
 *  - the guest took it (it is not a prefetch), and the last exit was either that fault or an
 * interrupt or NMI, which is not evidence;
 *  - no invalidation has ended since: its mmu_seq is the VM's, and no task is inside one;
 *  - KVM did not resolve it: the processor denies the access as the SPTEs are now.
 */
const char *km_residue_objection(const struct km_case *c);

#endif
