// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What counts invalidations of memory returns to 0 when they end. With mmu_lock and slots_lock
 * free, and without guest_memfd, only mmu_notifiers are in progress, and these are counted twice:
 * kvm_mmu_notifier_invalidate_range_start(), kvm_mmu_invalidate_begin(). See invalidate-leaked.
 */
#include "kvm/vm_locks.h"
#include "audit/look.h"

static bool has_guest_memfd(const struct km_memslots *slots)
{
	for (size_t i = 0; i < slots->count; i++) {
		if (slots->slots[i].flags & (KVM_MEM_GUEST_MEMFD | KVM_MEMSLOT_GMEM_ONLY))
			return true;
	}
	return false;
}

enum km_look_answer km_audit_invalidation(const struct km_look *at, struct km_anomaly *a)
{
	const struct km_vm *vm = at->all->vm;
	struct km_val progress = vm->mmu_invalidate_in_progress;
	struct km_val notifiers = vm->mn_active_invalidate_count;
	struct km_vm_locks locks = km_vm_locks_read(at->all->kernel, vm);

	if (!km_is_known(progress) || notifiers.known == KM_UNREADABLE)
		return KM_CANNOT_TELL;
	if ((int64_t)progress.v < 0 || (int64_t)notifiers.v < 0) {
		km_anomaly_says(a,
				"mmu_invalidate_in_progress is %" PRId64
				", mn_active_invalidate_count %" PRId64,
				(int64_t)progress.v, (int64_t)notifiers.v);
		return KM_ANOMALY;
	}
	if (!km_is_known(notifiers) || progress.v <= notifiers.v)
		return KM_FITS;
	if (!at->all->slots_known[0] || !km_is_known(locks.mmu_lock) ||
	    !km_is_known(locks.slots_lock_owner))
		return KM_CANNOT_TELL;
	if (locks.mmu_lock.v || locks.slots_lock_owner.v || has_guest_memfd(&at->all->slots[0]))
		return KM_FITS;
	km_anomaly_says(a,
			"mmu_invalidate_in_progress is %" PRIu64
			", mn_active_invalidate_count %" PRIu64
			": no mmu_notifier accounts for the "
			"rest",
			progress.v, notifiers.v);
	return KM_ANOMALY;
}
