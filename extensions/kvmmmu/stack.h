/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A task's kernel stack: in which functions it is. Unwound through the ORC tables in the target
 * where the start is known, else scanned for return addresses.
 */
#ifndef KVMMMU_STACK_H
#define KVMMMU_STACK_H

#include "kernel.h"

#define KM_FRAMES 48

/* Where the live part of the stack begins, and how that is known. */
enum km_stack_start {
	KM_STACK_SWITCHED_OUT, /* thread.sp: the task is on no CPU */
	KM_STACK_REGISTERS, /* the registers of its CPU, which were in the kernel on this stack */
	KM_STACK_UNKNOWN,   /* on a CPU, and its registers are not to be had (or a nested
			       guest's): all that is found may be residue */
};

struct km_frame {
	uint64_t pc;	   /* return address, or where it stood */
	uint64_t sp;	   /* address on the stack where pc was found */
	char function[64]; /* "" if no symbol covers it */
	uint64_t offset;   /* of pc in it */
	bool sure;	   /* unwound; else found by scanning, and may be residue */
};

struct km_stack {
	uint64_t task, base, size; /* base: lowest address; bytes */
	enum km_stack_start start;
	uint64_t sp; /* live from here up; base if unknown */
	struct km_frame frames[KM_FRAMES];
	size_t count;
	uint64_t pages_missing; /* of the stack */
	char trouble[160];	/* why there are no frames, or fewer; "" if all is well */
};

/*
 * Reads the stack of @task (task_struct). No errors but Ctrl-C: what is missing is said in it. Of a
 * capsule, the frames are those that were unwound when it was made.
 */
km_error *km_stack_read(const struct km_kernel *kernel, uint64_t task, struct km_stack *stack);

/* Is it a frame of @function? Suffixes such as ".isra.0" and ".constprop.0" are ignored. */
bool km_frame_is(const struct km_frame *frame, const char *function);

/* The frame of @function, or NULL. */
const struct km_frame *km_stack_in(const struct km_stack *stack, const char *function);

#endif
