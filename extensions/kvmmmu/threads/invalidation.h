/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmu_notifier invalidations in progress: which part of the guest they cover, and which task runs
 * them.
 * virt/kvm/kvm_main.c, include/linux/kvm_host.h.
 */
#ifndef KVMMMU_INVALIDATION_H
#define KVMMMU_INVALIDATION_H

#include "kvm/memslots.h"
#include "kvm/vm.h"
#include "threads/tasks.h"

/* Start and end of a range that is not known yet; a macro in include/linux/kvm_types.h */
#define INVALID_GPA (~0ULL)

/* The unit of kvm.mmu_invalidate_range_start and _end. */
enum km_range_unit {
	KM_RANGE_UNKNOWN,
	KM_RANGE_NONE, /* before 5.12: every address */
	KM_RANGE_HVA,  /* up to 6.7 */
	KM_RANGE_GFN,  /* since "KVM: Use gfn instead of hva for mmu_notifier_retry" */
};

enum km_covers {
	KM_COVERS_UNKNOWN,
	KM_COVERS_NOT,
	KM_COVERS,
};

/*
 * Return the unit: GFN and NONE by features.invalidate_gfns and invalidate_all, HVA if kvm has
 * symbols of functions that take HVAs, else unknown.
 */
enum km_range_unit km_invalidate_range_unit(const struct km_kernel *kernel);

/*
 * Is @gfn (or @hva, depending on @unit) in the range of the VM's invalidations? Whether one is in
 * progress is not considered. Mirrors mmu_invalidate_retry_gfn() and mmu_invalidate_retry_hva().
 */
enum km_covers km_invalidate_covers(enum km_range_unit unit, const struct km_vm *vm,
				    struct km_val gfn, struct km_val hva);

/* The type with which is_page_fault_stale() receives the earlier value of mmu_invalidate_seq. */
enum km_seq_type {
	KM_SEQ_UNKNOWN,
	KM_SEQ_INT,
	KM_SEQ_ULONG,
};

/*
 * Return the type: that of kvm_page_fault.mmu_seq (since 6.3), else that of the function's
 * parameter, which only DWARF contains.
 */
enum km_seq_type km_mmu_seq_type(const struct km_kernel *kernel);

/*
 * Return the first task inside a function that starts or ends an invalidation of @mm's memory, or
 * runs in between; *@function is its name. NULL: none of @tasks. Frames that are not certain count,
 * too: a possible invalidation is enough to explain a retry.
 */
const struct km_task *km_invalidating_task(const struct km_tasks *tasks, uint64_t mm,
					   const char **function);

/* Is the task unmapping a page of any process (reclaim, compaction, KSM, ...)? */
bool km_stack_invalidates(const struct km_stack *stack);

/*
 * Likewise for functions that increment mmu_invalidate_in_progress without an mmu_notifier:
 * guest_memfd, changes of memory attributes, kvm_zap_gfn_range().
 */
const struct km_task *km_zapping_task(const struct km_tasks *tasks, const char **function);

/* Are the stacks of all tasks of @mm known, so that a function's absence from them is a fact? */
bool km_stacks_known(const struct km_tasks *tasks, uint64_t mm);

/*
 * Are all threads of the process with @mm known, so that a task that is not there is none of them?
 * A capsule of other vCPUs contains none of them.
 */
bool km_threads_known(const struct km_tasks *tasks, struct km_val mm);

#endif
