/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The locks of a VM and of its memory, and their holders. kernel/locking/. */
#ifndef KVMMMU_VM_LOCKS_H
#define KVMMMU_VM_LOCKS_H

#include "kvm/vm.h"

struct km_vm_locks {
	struct km_val slots_lock_owner; /* task_struct; 0: not held */
	/* qrwlock.cnts, also of PREEMPT_RT: 0: free; low byte: writer; bit 8: a writer waits; from
	 * bit 9: readers */
	struct km_val mmu_lock;
};

/*
 * rwbase_rt.readers, which an rwlock of PREEMPT_RT has, as qrwlock.cnts. The bit for a waiting
 * writer is also set if the writer does not have to wait. Mirrors kernel/locking/rwbase_rt.c.
 */
uint64_t km_mmu_lock_of_rt(uint64_t readers);

struct km_vm_locks km_vm_locks_read(const struct km_kernel *kernel, const struct km_vm *vm);

/* Is mmu_lock held for writing? Valid if locks->mmu_lock is known. */
bool km_mmu_lock_written(const struct km_vm_locks *locks);

/* A lock that a thread is waiting for. */
struct km_held_lock {
	const char *name; /* "slots_lock", ...; NULL: not known */
	uint64_t holder;  /* task_struct; 0: not recorded in the lock */
	bool by_readers;  /* @holder was the last reader to take it, and may have released it */
};

/*
 * Find the mutex of the VM that @task (task_struct) is waiting for: kvm.lock, slots_lock or
 * slots_arch_lock.
 */
struct km_held_lock km_vm_mutex_of(const struct km_kernel *kernel, const struct km_vm *vm,
				   uint64_t task);

/* mmap_lock of the process that owns the VM. */
struct km_held_lock km_vm_mmap_lock(const struct km_kernel *kernel, const struct km_vm *vm);

#endif
