/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ftrace recorded of the vCPUs before the dump was taken, for commands that judge vCPUs. */
#ifndef KVMMMU_RECORDED_FAULTS_H
#define KVMMMU_RECORDED_FAULTS_H

#include "commands/command_context.h"
#include "diagnose/recorded.h"

struct km_recorded_faults;

/*
 * Read the events of KVM in the ring buffers of the dump; *@faults is NULL, without an error, if
 * there are none, if they are not readable, or if the kernel runs while it is read. Errors: Ctrl-C,
 * out of memory. The caller calls km_recorded_faults_free() in any case.
 */
km_error *km_recorded_faults_read(const struct km_kernel *kernel,
				  struct km_recorded_faults **faults);
void km_recorded_faults_free(struct km_recorded_faults *faults);

/*
 * If @c's thread took a fault again and again until its trace ends: add it to the faults of @c,
 * judge it (diagnose/recorded.h) and settle @e. Return true and set *@r and *@v if it did. @faults
 * may be NULL.
 */
bool km_recorded_faults_settle(const struct km_recorded_faults *faults, struct km_case *c,
			       struct km_explanation *e, struct km_recorded *r,
			       struct km_samples_verdict *v);

/* Describe it as section "recorded" of @entry. */
void km_describe_recorded(struct km_node *entry, const struct km_recorded *r,
			  const struct km_samples_verdict *v);

#endif
