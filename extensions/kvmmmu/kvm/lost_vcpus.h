/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vCPUs that kvm.vcpu_array does not lead to, because a page of it is not in the dump. */
#ifndef KVMMMU_LOST_VCPUS_H
#define KVMMMU_LOST_VCPUS_H

#include "kernel/kernel.h"

struct km_lost_vcpus {
	uint64_t *addrs; /* of struct kvm_vcpu, each once */
	size_t count, room;
};

/*
 * Find up to @room vCPUs of the VM @kvm, whose process has the task @owner: in the open files of
 * the process, and in the preempt_notifiers of its threads, which a vCPU is in while it is loaded
 * (kvm_running_vcpu of a CPU is one of those, so it is not read). Errors: Ctrl-C, out of memory.
 * Call km_lost_vcpus_deinit() in any case.
 */
km_error *km_lost_vcpus_find(const struct km_kernel *kernel, uint64_t kvm, uint64_t owner,
			     size_t room, struct km_lost_vcpus *lost);
void km_lost_vcpus_deinit(struct km_lost_vcpus *lost);

#endif
