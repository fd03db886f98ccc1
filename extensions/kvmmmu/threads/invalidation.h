/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmu_notifier invalidations in progress: which part of the guest they cover, and who runs them.
 * virt/kvm/kvm_main.c, include/linux/kvm_host.h.
 */
#ifndef KVMMMU_INVALIDATION_H
#define KVMMMU_INVALIDATION_H

#include "memslots.h"
#include "tasks.h"

/* Both ends of a range that is not known yet; a macro of include/linux/kvm_types.h */
#define INVALID_GPA (~0ULL)

/* What kvm.mmu_invalidate_range_start and _end are in. */
enum km_range_unit {
	KM_RANGE_UNKNOWN,
	KM_RANGE_HVA, /* up to 6.7 */
	KM_RANGE_GFN, /* since "KVM: Use gfn instead of hva for mmu_notifier_retry" */
};

enum km_covers {
	KM_COVERS_UNKNOWN,
	KM_COVERS_NOT,
	KM_COVERS,
};

/*
 * Which of them: HVAs only if kvm's symbols show that there are such functions, and none about GFNs
 * (features.invalidate_gfns); else unknown.
 */
enum km_range_unit km_invalidate_range_unit(const struct km_kernel *kernel);

/*
 * Is @gfn, or @hva where the range is in HVAs, in the range of the VM's invalidations? Says nothing
 * about whether one is in progress. Mirrors mmu_invalidate_retry_gfn() and
 * mmu_invalidate_retry_hva().
 */
enum km_covers km_invalidate_covers(enum km_range_unit unit, const struct km_vm *vm,
				    struct km_val gfn, struct km_val hva);

/* How is_page_fault_stale() gets mmu_invalidate_seq as it was before the page was looked up. */
enum km_seq_type {
	KM_SEQ_UNKNOWN,
	KM_SEQ_INT, /* is_page_fault_stale() takes it as an int */
	KM_SEQ_ULONG,
};

/*
 * By struct kvm_page_fault, which has it since 6.3, else by the parameter of that
 * function, which debuginfo tells.
 */
enum km_seq_type km_mmu_seq_type(const struct km_kernel *kernel);

/*
 * The first task that is in a function that begins an invalidation of @mm's memory, ends it, or
 * does its work in between; *@function is which. NULL: none among @tasks. A task whose stack was
 * only scanned counts: this is for finding excuses.
 */
const struct km_task *km_invalidating_task(const struct km_tasks *tasks, uint64_t mm,
					   const char **function);

/* Is it unmapping a page of whoever has it (reclaim, compaction, KSM, ...)? For tasks.c. */
bool km_stack_invalidates(const struct km_stack *stack);

/*
 * Likewise those that raise mmu_invalidate_in_progress without an mmu_notifier: guest_memfd,
 * changes of attributes, kvm_zap_gfn_range().
 */
const struct km_task *km_zapping_task(const struct km_tasks *tasks, const char **function);

/* Is the stack of every one of @mm's tasks known well enough to say where it is not? */
bool km_stacks_known(const struct km_tasks *tasks, uint64_t mm);

#endif
