/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which threads may have frozen an SPTE, and which flush TLBs. arch/x86/kvm/mmu/tdp_mmu.c. */
#ifndef KVMMMU_FREEZING_H
#define KVMMMU_FREEZING_H

#include "threads/tasks.h"

/*
 * Return the first task of @mm, or worker of the kernel, that is inside a function that freezes
 * SPTEs; *@function is its name. NULL: none of @tasks, which may be NULL.
 */
const struct km_task *km_freezing_task(const struct km_tasks *tasks, uint64_t mm,
				       const char **function);

/* Is it inside a flush of the TLBs of other CPUs, kvm_flush_remote_tlbs*()? */
bool km_task_flushes_tlbs(const struct km_task *task);

/* Number of tasks of which it is not known where they are. */
unsigned km_tasks_unseen(const struct km_tasks *tasks);

#endif
