/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Waiting, as told apart from looping: a thread that sleeps in the kernel, a guest that halts, a
 * vCPU that its VMM does not run at the moment.
 */
#ifndef KVMMMU_WAIT_H
#define KVMMMU_WAIT_H

#include "certainty.h"
#include "tasks.h"

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
	char lock[32];	 /* "slots_lock", "mmap_lock", "mmu_lock", or "": not known which */
	uint64_t holder; /* task_struct of who holds it for itself, or 0: not known */
	const struct km_task *held_by; /* the same among the tasks that were read, or NULL */
	char text[240]; /* "in handle_userfault(): waits for ...", a phrase after "waits: " */
};

/* The words of the locks that name their owner. */
struct km_lock_owners {
	struct km_val slots_lock; /* mutex.owner */
	struct km_val mmap_lock;  /* rw_semaphore.owner, of the VM's process */
};

/*
 * What the thread of @vcpu waits for. @stack is its kernel stack, or NULL; @tasks, among which the
 * owner of a lock is looked for, may be NULL.
 */
void km_wait_find(const struct km_vcpu *vcpu, const struct km_stack *stack,
		  const struct km_lock_owners *owners, const struct km_tasks *tasks,
		  struct km_wait *wait);

/* "halt", "userfault", ...: one word for machines. */
const char *km_wait_kind_name(enum km_wait_kind kind);

#endif
