/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Distinguishes waiting from looping: a thread that sleeps in the kernel, a halted guest, a vCPU
 * that its VMM is not running.
 */
#ifndef KVMMMU_WAIT_H
#define KVMMMU_WAIT_H

#include "base/certainty.h"
#include "threads/stack.h"
#include "kvm/vcpu.h"

enum km_wait_kind {
	KM_WAIT_NONE,	   /* it is running, or runnable */
	KM_WAIT_HALT,	   /* the guest is halted: kvm_vcpu_block(), kvm_vcpu_halt() */
	KM_WAIT_APF,	   /* the guest waits for an asynchronous page fault */
	KM_WAIT_USERSPACE, /* the thread is not in KVM_RUN */
	KM_WAIT_USERFAULT, /* handle_userfault(): userspace has to provide the page */
	KM_WAIT_PAGE,	   /* the host brings in a page: swap, file, migration */
	KM_WAIT_LOCK,	   /* a lock of KVM or of its mm: see lock */
	KM_WAIT_SRCU,	   /* a grace period */
	KM_WAIT_OTHER,	   /* it sleeps in another function: see text */
	KM_WAIT_UNKNOWN,   /* it sleeps in an unknown function */
};

struct km_wait {
	enum km_wait_kind kind;
	enum km_certainty certainty; /* proven: unwound; likely: task state or one frame by scan */
	char lock[32];	/* "mmap_lock", "mmu_lock"; "" if it is not known from the stack */
	char text[240]; /* "in handle_userfault(): waits for ...", a phrase after "waits: " */
};

/* Other members of struct kvm_vcpu that indicate waiting. */
struct km_wait_hints {
	struct km_val wants_to_run, apf_halted;
};

/* Find out what the thread of @vcpu waits for. @stack is its kernel stack, or NULL. */
void km_wait_find(const struct km_vcpu *vcpu, const struct km_wait_hints *hints,
		  const struct km_stack *stack, struct km_wait *wait);

/* Return "halt", "userfault", ...: one word, used in JSON. */
const char *km_wait_kind_name(enum km_wait_kind kind);

#endif
