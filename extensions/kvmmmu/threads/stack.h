/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A task's kernel stack as a list of functions: unwound with the kernel's ORC tables if its start
 * is known, else scanned for return addresses.
 */
#ifndef KVMMMU_STACK_H
#define KVMMMU_STACK_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KM_FRAMES 48

/* km_stack.trouble if the ORC entries of a function on it are missing. */
#define KM_STACK_STOPPED_EARLY "unwinding stopped early: further frames may be residue"

/* How the start of the live part of the stack is known. */
enum km_stack_start {
	KM_STACK_SWITCHED_OUT, /* thread.sp: the task is not running */
	KM_STACK_REGISTERS,    /* the registers of its CPU, which led to this stack */
	KM_STACK_UNKNOWN,      /* the task is running, and its registers are not available (or those
				  of a nested guest): everything found may be residue */
};

struct km_frame {
	uint64_t pc;	      /* return address, or current instruction */
	uint64_t sp;	      /* address on the stack where pc was found */
	const char *function; /* "" if no symbol contains pc; of the kernel's or capsule's names */
	uint32_t offset;      /* of pc in the function */
	bool sure;	      /* unwound; else found by scanning, and may be residue */
};

struct km_stack {
	uint64_t task, base, size; /* base: lowest address; bytes */
	enum km_stack_start start;
	uint64_t sp;		 /* start of the live part; base if unknown */
	struct km_frame *frames; /* innermost first; freed by km_stack_deinit() */
	size_t count;		 /* KM_FRAMES at most */
	uint64_t pages_missing;	 /* pages of the stack that are not in the dump */
	char trouble[160];	 /* why frames are missing or not certain, or "" */
};

/* Addresses of each struct kvm_page_fault on a stack; see page_fault_on_stack.h. */
#define KM_PAGE_FAULTS 4

/* What the stack still shows around one of them; 0: nothing. */
struct km_fault_place {
	uint64_t handler_slot; /* return address into the function whose frame contains it */
	uint64_t caller_slot;  /* return address into that one's caller: the end of the frame */
	bool chain;	       /* the frames above are intact up to the active part of the stack */
	/* the tdp_iter with which kvm_tdp_mmu_map() walked to its gfn */
	uint64_t sptep, old_spte;
	unsigned level; /* of the SPTE; 0: no such tdp_iter */
};

struct km_page_faults {
	uint64_t at[KM_PAGE_FAULTS]; /* ascending */
	struct km_fault_place places[KM_PAGE_FAULTS];
	size_t count;
};

/*
 * Make @to a copy of @from that is freed by itself; names of functions are not copied. KM_ENOMEM:
 * it has no frames.
 */
km_error *km_stack_copy(const struct km_stack *from, struct km_stack *to);

/* Free the frames. */
void km_stack_deinit(struct km_stack *stack);

/* Is it a frame of @function? Suffixes such as ".isra.0" and ".constprop.0" are ignored. */
bool km_frame_is(const struct km_frame *frame, const char *function);

/* Return the innermost frame of @function, or NULL. */
const struct km_frame *km_stack_in(const struct km_stack *stack, const char *function);

/*
 * Return the name of the function that called the scheduler, or that an interrupt preempted, if the
 * thread was switched out in the frames of @stack; else NULL.
 */
const char *km_stack_switched_out_in(const struct km_stack *stack);

/*
 * Could KVM's functions, which are near the outer end of the stack, be missing from it? It must
 * have frames.
 */
bool km_stack_may_lack_outer(const struct km_stack *stack);

#endif
