/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long a task has run, and how often it was switched out. */
#ifndef KVMMMU_TASK_TIMES_H
#define KVMMMU_TASK_TIMES_H

#include "kernel/kernel.h"

struct km_task_times {
	struct km_val utime, stime;  /* ns; of a vCPU's thread, utime includes the guest's time */
	struct km_val nvcsw, nivcsw; /* voluntary and involuntary context switches */
};

struct km_task_times km_task_times_read(const struct km_kernel *kernel, uint64_t task);

#endif
