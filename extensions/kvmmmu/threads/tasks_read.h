/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds the tasks of the host that are relevant to its VMs. */
#ifndef KVMMMU_TASKS_READ_H
#define KVMMMU_TASKS_READ_H

#include "kvm/vm.h"
#include "threads/tasks.h"

/* KM_EINTR, KM_ENOMEM. The caller calls km_tasks_deinit() in any case. */
km_error *km_tasks_read(const struct km_kernel *kernel, const struct km_vms *vms,
			struct km_tasks *tasks);

#endif
