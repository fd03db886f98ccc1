/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Waiting, as told apart from looping: a thread that sleeps in the kernel, a guest that halts, a
 * vCPU that its VMM does not run at the moment.
 */
#ifndef KVMMMU_WAIT_H
#define KVMMMU_WAIT_H

#include "certainty.h"
#include "stack.h"
#include "vcpu.h"

enum km_wait_kind {
	KM_WAIT_NONE,	   /* it runs, or could */
	KM_WAIT_HALT,	   /* the guest halts: kvm_vcpu_block(), kvm_vcpu_halt() */
	KM_WAIT_APF,	   /* the guest waits for an asynchronous page fault */
	KM_WAIT_USERSPACE, /* the thread is not in KVM_RUN: the VMM has the word */
	KM_WAIT_USERFAULT, /* handle_userfault(): userspace has to bring the page */
	KM_WAIT_PAGE,	   /* the host brings a page in: swap, file, migration */
	KM_WAIT_LOCK,	   /* a lock of KVM's or of its mm: see lock */
	KM_WAIT_SRCU,	   /* a grace period */
	KM_WAIT_OTHER,	   /* it sleeps somewhere else: see text */
	KM_WAIT_UNKNOWN,   /* it sleeps, and its stack does not tell where */
};

struct km_wait {
	enum km_wait_kind kind;
	enum km_certainty certainty; /* proven: unwound; likely: task state or one frame by scan */
	char lock[32];	/* "mmap_lock", "mmu_lock", or "": by the stack it is not known which */
	char text[240]; /* "in handle_userfault(): waits for ...", a phrase after "waits: " */
};

/* What else of struct kvm_vcpu tells of waiting. */
struct km_wait_hints {
	struct km_val wants_to_run, apf_halted;
};

/* What the thread of @vcpu waits for. @stack is its kernel stack, or NULL. */
void km_wait_find(const struct km_vcpu *vcpu, const struct km_wait_hints *hints,
		  const struct km_stack *stack, struct km_wait *wait);

/* "halt", "userfault", ...: one word for machines. */
const char *km_wait_kind_name(enum km_wait_kind kind);

#endif
