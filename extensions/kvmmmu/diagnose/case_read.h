/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading the case of one vCPU (case.h) from the target. */
#ifndef KVMMMU_CASE_READ_H
#define KVMMMU_CASE_READ_H

#include "diagnose/case.h"

/* How much is gathered; a capsule contains less about addresses that no vCPU faulted on. */
enum km_case_depth {
	KM_CASE_WHOLE, /* also what the thread waits for, and the VMA behind the page */
	KM_CASE_PATH,  /* the fault, and what KVM's handler does with it */
	KM_CASE_WALK,  /* the fault, the walk of its address, the judges */
};

struct km_case_options {
	bool has_addr, has_error_code; /* the user's own fault: -a, -e */
	uint64_t addr, error_code;
	const char *mmu; /* context by name, or NULL */
	enum km_spf_form form;
	enum km_case_depth depth;
};

/*
 * Gather the case of @vcpu. @tasks may be NULL. Errors: Ctrl-C, out of memory; KM_EUSAGE if there
 * is no context of the name in @options. The caller calls km_case_deinit() in any case. The case
 * contains pointers into itself: it must not be copied.
 */
km_error *km_case_read(const struct km_kernel *kernel, const struct km_vm *vm,
		       const struct km_vcpu *vcpu, struct km_tasks *tasks,
		       const struct km_case_options *options, struct km_case *c);
void km_case_deinit(struct km_case *c);

#endif
