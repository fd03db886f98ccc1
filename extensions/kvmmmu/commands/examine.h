/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Examining one vCPU, for explain, report and batch: the same evidence leads to the same state. */
#ifndef KVMMMU_EXAMINE_H
#define KVMMMU_EXAMINE_H

#include "commands/recorded_faults.h"
#include "diagnose/case_read.h"
#include "trace/kernel_log.h"

/* What is known beside the vCPU. */
struct km_examiner {
	const struct km_kernel *kernel;
	struct km_case_options options;
	struct km_tasks tasks;		     /* use km_tasks_get() */
	struct km_recorded_faults *recorded; /* by ftrace; NULL: none */
	const struct km_log *log;	     /* that findings cite; NULL: none */
};

/*
 * Read what ftrace recorded; the tasks of the owners of @vms are read when something asks for them.
 * Errors of km_recorded_faults_read(). The caller calls km_examiner_deinit() in any case.
 */
km_error *km_examiner_init(struct km_examiner *by, const struct km_kernel *kernel,
			   const struct km_vms *vms);
void km_examiner_deinit(struct km_examiner *by);

/* The tasks have to be read again, because the kernel has run. */
void km_examiner_forget(struct km_examiner *by, const struct km_vms *vms);

/* Add a note if there are too many threads to keep all, and something asked for them. */
void km_describe_idle_threads(struct km_node *node, const struct km_examiner *by);

/* A case and its explanation. It is too large for the stack, and must not be copied. */
struct km_examined {
	struct km_case c;
	struct km_explanation e;
	bool is_recorded; /* by ftrace, as follows */
	struct km_recorded recorded;
	struct km_samples_verdict verdict;
};

/*
 * Read the case of @vcpu into *@x and explain it. Errors as km_case_read() and km_tasks_read(). The
 * caller calls km_case_deinit(&x->c) in any case.
 */
km_error *km_examine(struct km_examiner *by, const struct km_vm *vm, const struct km_vcpu *vcpu,
		     struct km_examined *x);

#endif
