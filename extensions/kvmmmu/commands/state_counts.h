/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How many vCPUs are in which state. */
#ifndef KVMMMU_STATE_COUNTS_H
#define KVMMMU_STATE_COUNTS_H

#include "diagnose/diagnosis.h"
#include "document/document.h"

struct km_state_counts {
	uint64_t vms, vcpus;
	uint64_t
		lost; /* vCPUs without a result, because they are not readable; included in vcpus */
	uint64_t stuck, unknown, progressing, waiting, healthy, never_ran;
};

/* Count one more vCPU, in @state. */
void km_count_state(struct km_state_counts *n, enum km_vcpu_state state);

/* Count a VM, and those of its vCPUs that are not readable. */
void km_count_vm(struct km_state_counts *n, const struct km_vm *vm);

/* "4 VMs, 12 vCPUs: 1 stuck, 9 waiting, 2 never ran". Lives with @node. */
const char *km_counts_text(struct km_node *node, const struct km_state_counts *n);

/* Add the counts as fields. */
void km_describe_counts(struct km_node *node, const struct km_state_counts *n);

#endif
