/* SPDX-License-Identifier: GPL-2.0-or-later */
/* task_struct.__state; macros in include/linux/sched.h, hence not in any type information. */
#ifndef KVMMMU_TASK_STATE_H
#define KVMMMU_TASK_STATE_H

#include <stdbool.h>
#include <stdint.h>

#define TASK_INTERRUPTIBLE   0x1
#define TASK_UNINTERRUPTIBLE 0x2
#define TASK_STOPPED	     0x4 /* __TASK_STOPPED */
#define TASK_TRACED	     0x8 /* __TASK_TRACED */
#define TASK_PARKED	     0x40
#define TASK_DEAD	     0x80
#define TASK_NOLOAD	     0x400
#define TASK_RTLOCK_WAIT     0x1000
/* f5d39b020809 ("freezer,sched: Rewrite core freezer logic"), 6.1 */
#define TASK_FROZEN    0x8000
#define TASK_STATE_MAX 0x20000

/*
 * Can a task have this state? At most one of the states that exclude each other is set: those above
 * but TASK_NOLOAD, which like the remaining bits modifies another.
 */
static inline bool km_task_state_is_possible(uint64_t state)
{
	uint64_t exclusive =
		state & (TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE | TASK_STOPPED | TASK_TRACED |
			 TASK_PARKED | TASK_DEAD | TASK_RTLOCK_WAIT | TASK_FROZEN);

	/* EXIT_DEAD and EXIT_ZOMBIE are in exit_state */
	return state < TASK_STATE_MAX && !(exclusive & (exclusive - 1)) && !(state & 0x30);
}

#endif
