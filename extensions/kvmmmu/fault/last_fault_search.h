/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared by the files of the search for a vCPU's last fault (last_fault.h): each file adds the
 * faults of one kind of source.
 */
#ifndef KVMMMU_LAST_FAULT_SEARCH_H
#define KVMMMU_LAST_FAULT_SEARCH_H

#include "fault/last_fault.h"
#include "fault/vmcs_page.h"

#include <stdio.h>

/* Print into a char array. */
#define KM_PRINT(buf, ...) snprintf(buf, sizeof(buf), __VA_ARGS__)

struct km_fault_search {
	const struct km_kernel *k;
	const struct km_vm *vm;
	const struct km_vcpu *vcpu;
	const struct km_vcpu_mmu *all;
	struct km_last_fault *last;
	struct km_page_faults on_stack; /* addresses of struct kvm_page_fault */
	struct km_vmcs_address earlier; /* of an EPT violation before the last exit */
	bool only_vmcb;			/* a capsule of format 1, which contains nothing else */
	bool handling; /* the stack proves that the thread handles a fault of the guest */
};

/* Append a fault, its address and error code KM_ABSENT; NULL if there are KM_FAULTS already. */
struct km_fault *km_fault_add(struct km_fault_search *search, enum km_fault_source source,
			      enum km_fault_age age);

/*
 * Read the stack of the vCPU's thread: last->stack, on_stack and handling. Return an error if the
 * user pressed Ctrl-C.
 */
km_error *km_faults_read_stack(struct km_fault_search *search);

/* Append the struct kvm_page_fault on the stack whose age is @age, outermost first. */
void km_faults_add_stack(struct km_fault_search *search, enum km_fault_age age);

/*
 * Append the fault in the exit information, or explain in last->none why there is none. On Intel,
 * the address is looked for in the VMCS page; errors: Ctrl-C, out of memory.
 */
void km_faults_add_svm(struct km_fault_search *search);
km_error *km_faults_add_vmx(struct km_fault_search *search);

/* Append search->earlier, if there is one. */
void km_faults_add_earlier(struct km_fault_search *search);

/* AMD: append the fault in kvm_run whose instruction KVM could not emulate, if it is a new one. */
void km_faults_add_run(struct km_fault_search *search);

/* Append the addresses that KVM keeps for other reasons: MMIO, retries, async page faults. */
void km_faults_add_hints(struct km_fault_search *search);

#endif
