/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads and unwinds the kernel stack of a task. */
#ifndef KVMMMU_STACK_READ_H
#define KVMMMU_STACK_READ_H

#include "kernel/kernel.h"
#include "threads/stack.h"

/*
 * Read the stack of @task (address of task_struct). Missing data is reported in @stack, and is not
 * an error. In a capsule, the frames are those unwound when it was made. KM_EINTR, KM_ENOMEM. The
 * caller calls km_stack_deinit() in any case.
 */
km_error *km_stack_read(const struct km_kernel *kernel, uint64_t task, struct km_stack *stack);

#endif
