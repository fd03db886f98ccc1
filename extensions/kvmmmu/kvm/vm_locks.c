// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/vm_locks.h"

#include "base/loop.h"

#define RWSEM_READER_OWNED 1

/* include/asm-generic/qrwlock.h */
#define QW_WAITING 0x100
#define QW_LOCKED  0xff
#define QR_SHIFT   9

/* include/linux/rwbase_rt.h */
#define READER_BIAS KM_BIT(31)
#define WRITER_BIAS KM_BIT(30)

static struct km_val mutex_owner(const struct km_kernel *k, uint64_t mutex)
{
	return km_lock_owner(km_kget(k, mutex, KM_M_mutex_owner));
}

uint64_t km_mmu_lock_of_rt(uint64_t readers)
{
	uint64_t count = readers & (WRITER_BIAS - 1);

	if (readers & WRITER_BIAS)
		return QW_LOCKED;
	/* a writer removes the bias, and waits for the readers */
	return count << QR_SHIFT | (readers & READER_BIAS ? 0 : QW_WAITING);
}

static struct km_val read_mmu_lock(const struct km_kernel *k, const struct km_vm *vm)
{
	struct km_val readers;

	if (!km_has(k->layout, KM_M_kvm_mmu_lock_readers))
		return km_kget(k, vm->addr, KM_M_kvm_mmu_lock_cnts);
	readers = km_kget(k, vm->addr, KM_M_kvm_mmu_lock_readers);
	return km_is_known(readers) ? km_known_val(km_mmu_lock_of_rt(readers.v)) : readers;
}

struct km_vm_locks km_vm_locks_read(const struct km_kernel *k, const struct km_vm *vm)
{
	struct km_val slots_lock = km_addr_of(k->layout, vm->addr, KM_M_kvm_slots_lock);

	return (struct km_vm_locks){
		.slots_lock_owner =
			km_is_known(slots_lock) ? mutex_owner(k, slots_lock.v) : slots_lock,
		.mmu_lock = read_mmu_lock(k, vm),
	};
}

bool km_mmu_lock_written(const struct km_vm_locks *locks)
{
	return locks->mmu_lock.v & QW_LOCKED;
}

/* The list is circular: it includes the mutex's head, since about 7.0 the waiters only. */
static bool has_waiter(const struct km_kernel *k, uint64_t mutex, uint64_t task)
{
	struct km_val head = km_addr_of(k->layout, mutex, KM_M_mutex_wait_list);
	struct km_val at = km_kget(k, mutex, KM_M_mutex_first_waiter);
	struct km_loop loop = {0};

	for (;;) {
		km_scoped_error *err = km_check_interrupt(k->mem);
		struct km_val waits;

		if (err || !km_is_known(at) || !at.v || (km_is_known(head) && at.v == head.v) ||
		    km_loop_step(&loop, at.v))
			return false;
		waits = km_kget(k, at.v, KM_M_mutex_waiter_task);
		if (km_is_known(waits) && waits.v == task)
			return true;
		at = km_kget(k, at.v, KM_M_mutex_waiter_next);
	}
	return false;
}

struct km_held_lock km_vm_mutex_of(const struct km_kernel *k, const struct km_vm *vm, uint64_t task)
{
	static const struct {
		enum km_member_id member;
		const char *name;
	} locks[] = {
		{KM_M_kvm_slots_lock, "slots_lock"},
		{KM_M_kvm_slots_arch_lock, "slots_arch_lock"},
		{KM_M_kvm_lock, "kvm.lock"},
	};
	struct km_held_lock held = {0};

	for (size_t i = 0; task && i < sizeof(locks) / sizeof(locks[0]); i++) {
		struct km_val mutex = km_addr_of(k->layout, vm->addr, locks[i].member);

		if (!km_is_known(mutex) || !has_waiter(k, mutex.v, task))
			continue;
		held.name = locks[i].name;
		held.holder = mutex_owner(k, mutex.v).v;
		break;
	}
	return held;
}

struct km_held_lock km_vm_mmap_lock(const struct km_kernel *k, const struct km_vm *vm)
{
	struct km_held_lock held = {.name = "mmap_lock"};
	struct km_val owner = {.known = KM_UNREADABLE};

	if (km_is_known(vm->mm) && vm->mm.v)
		owner = km_kget(k, vm->mm.v, KM_M_mm_struct_mmap_lock_owner);
	if (km_is_known(owner)) {
		held.holder = km_lock_owner(owner).v;
		held.by_readers = owner.v & RWSEM_READER_OWNED;
	}
	return held;
}
