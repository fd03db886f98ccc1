/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Locks of a VM and of its memory, and who has them. kernel/locking/. */
#ifndef KVMMMU_VM_LOCKS_H
#define KVMMMU_VM_LOCKS_H

#include "vm.h"

struct km_vm_locks {
	struct km_val slots_lock_owner; /* task_struct, 0: nobody */
	struct km_val mmu_lock; /* qrwlock.cnts: 0 free; low byte: writer; from bit 9: readers */
};

struct km_vm_locks km_vm_locks_read(const struct km_kernel *kernel, const struct km_vm *vm);

/* Does someone hold mmu_lock for writing? Only if mmu_lock is known. */
bool km_mmu_lock_written(const struct km_vm_locks *locks);

/* A lock that a thread waits for. */
struct km_held_lock {
	const char *name; /* "slots_lock", ...; NULL: not known which */
	uint64_t holder;  /* task_struct; 0: the lock does not name it */
	bool by_readers;  /* holder is but the last of its readers */
};

/*
 * The mutex of the VM that has @task (task_struct) among its waiters; kvm.lock, slots_lock,
 * slots_arch_lock are looked at.
 */
struct km_held_lock km_vm_mutex_of(const struct km_kernel *kernel, const struct km_vm *vm,
				   uint64_t task);

/* mmap_lock of the VM's process. */
struct km_held_lock km_vm_mmap_lock(const struct km_kernel *kernel, const struct km_vm *vm);

#endif
