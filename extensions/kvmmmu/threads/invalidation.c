// SPDX-License-Identifier: GPL-2.0-or-later
#include "threads/invalidation.h"

enum km_range_unit km_invalidate_range_unit(const struct km_kernel *k)
{
	/* kvm_mmu_invalidate_end() was kvm_dec_notifier_count() before 6.0 */
	static const char *const others[] = {"kvm_mmu_invalidate_end", "kvm_dec_notifier_count"};
	uint64_t addr;

	if (k->features.invalidate_gfns)
		return KM_RANGE_GFN;
	if (k->features.invalidate_all)
		return KM_RANGE_NONE;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (km_kernel_symbol(k, others[i], &addr))
			return KM_RANGE_HVA;
	}
	return KM_RANGE_UNKNOWN;
}

enum km_covers km_invalidate_covers(enum km_range_unit unit, const struct km_vm *vm,
				    struct km_val gfn, struct km_val hva)
{
	struct km_val start = vm->mmu_invalidate_range_start, end = vm->mmu_invalidate_range_end;
	struct km_val at = unit == KM_RANGE_HVA ? hva : gfn;

	if (unit == KM_RANGE_NONE)
		return KM_COVERS;
	if (unit == KM_RANGE_UNKNOWN || !km_is_known(start) || !km_is_known(end))
		return KM_COVERS_UNKNOWN;
	/* started without a range: every gfn has to wait (and the kernel warns) */
	if (unit == KM_RANGE_GFN && (start.v == INVALID_GPA || end.v == INVALID_GPA))
		return KM_COVERS;
	if (!km_is_known(at))
		return KM_COVERS_UNKNOWN;
	return at.v >= start.v && at.v < end.v ? KM_COVERS : KM_COVERS_NOT;
}

enum km_seq_type km_mmu_seq_type(const struct km_kernel *k)
{
	const struct km_member *m = km_layout_member(k->layout, KM_M_kvm_page_fault_mmu_seq);
	km_scoped_error *err = NULL;
	uint32_t size = 0;
	bool is_signed = false;

	if (m)
		return m->size < sizeof(uint64_t) ? KM_SEQ_INT : KM_SEQ_ULONG;
	err = km_types_parameter(km_layout_types(k->layout), "is_page_fault_stale", "mmu_seq",
				 &size, &is_signed);
	if (err)
		return KM_SEQ_UNKNOWN;
	return size < sizeof(uint64_t) && is_signed ? KM_SEQ_INT : KM_SEQ_ULONG;
}

/* The notifier itself. */
static const char *const notifier[] = {
	"kvm_mmu_notifier_invalidate_range_start",
	"kvm_mmu_notifier_invalidate_range_end",
	"__mmu_notifier_invalidate_range_start",
	"__mmu_notifier_invalidate_range_end",
	NULL,
};

/*
 * Callers of mmu_notifier_invalidate_range_start() and _end() in mm/, fs/ and kernel/events/, of
 * 5.10, 6.1, 6.12, 7.2 and 7.3. These act on a page, or on the memory of another process, in the
 * context of any process or kernel thread: for reclaim, migration and collapse; through the file
 * descriptor of a userfaultfd; through /proc/PID (PAGEMAP_SCAN, clear_refs); for devices.
 */
static const char *const of_any_process[] = {
	"try_to_unmap_one",
	"try_to_migrate_one",
	"try_to_unmap_poisoned_hugetlb_one",
	"page_mkclean_one",
	"page_vma_mkclean_one",
	"page_make_device_exclusive_one",
	"make_device_exclusive",
	"remove_device_exclusive_entry",
	"write_protect_page",
	"replace_page",
	"__replace_page",
	"uprobe_write",
	"collapse_huge_page",
	"collapse_pte_mapped_thp",
	"try_collapse_pte_mapped_thp",
	"collapse_and_free_pmd",
	"retract_page_tables",
	"__split_huge_pmd",
	"__split_huge_pud",
	"__oom_reap_task_mm",
	"zap_vma_for_reaping",
	"move_pages_pte",
	"move_pages_ptes",
	"move_pages_huge_pmd",
	"mwriteprotect_range",
	"uffd_wp_range",
	"do_pagemap_scan",
	"clear_refs_write",
	"wp_clean_pre_vma",
	"migrate_vma_collect",
	"migrate_vma_setup",
	"migrate_vma_pages",
	"__migrate_device_pages",
	NULL,
};

/* Callers that act on the memory of their own process. */
static const char *const by_address[] = {
	"unmap_vmas",
	"unmap_page_range",
	"zap_page_range_single",
	"zap_page_range_single_batched",
	"zap_vma_range_batched",
	"zap_page_range",
	"change_protection",
	"change_protection_range",
	"change_pmd_range",
	"change_pud_range",
	"move_page_tables",
	"copy_page_range",
	"wp_page_copy",
	"do_wp_page", /* may have wp_page_copy() inlined; likewise below */
	"do_huge_zero_wp_pmd",
	"do_huge_pmd_wp_page",
	"hugetlb_fault",
	"madvise_vma_behavior",
	"dup_mmap",
	"madvise_free_single_vma",
	"copy_hugetlb_page_range",
	"hugetlb_change_protection",
	"hugetlb_wp",
	"hugetlb_cow",
	"hugetlb_unshare_pmds",
	"__unmap_hugepage_range",
	"unmap_hugepage_range",
	"move_hugetlb_page_tables",
	"follow_invalidate_pte",
	NULL,
};

static bool calls_any(const struct km_stack *stack, const char *const *functions)
{
	while (*functions && !km_stack_in(stack, *functions))
		functions++;
	return *functions;
}

bool km_stack_invalidates(const struct km_stack *stack)
{
	return calls_any(stack, of_any_process);
}

/* Does it invalidate the memory of its own process? */
static bool is_of_its_own(const struct km_task *task)
{
	return km_is_known(task->mm) && task->mm.v && calls_any(&task->stack, by_address) &&
	       !km_stack_invalidates(&task->stack);
}

/*
 * A task in the notifier that may invalidate memory of a process that is not its own: every VM's
 * VMM zaps its own memory all the time, which is not evidence about another VM.
 */
static const struct km_task *notifying_task(const struct km_tasks *tasks, const char **function)
{
	if (!km_task_in_any(tasks, 0, notifier, function))
		return NULL;
	for (size_t i = 0; i < tasks->count; i++) {
		const struct km_task *task = &tasks->tasks[i];

		for (size_t j = 0; notifier[j] && !km_task_is_idle(task); j++) {
			if (!km_stack_in(&task->stack, notifier[j]))
				continue;
			*function = notifier[j];
			if (!is_of_its_own(task))
				return task;
		}
	}
	return NULL;
}

const struct km_task *km_invalidating_task(const struct km_tasks *tasks, uint64_t mm,
					   const char **function)
{
	const struct km_task *task = km_task_in_any(tasks, mm, notifier, function);

	if (!task)
		task = notifying_task(tasks, function);
	if (!task)
		task = km_task_in_any(tasks, mm, by_address, function);
	return task ? task : km_task_in_any(tasks, 0, of_any_process, function);
}

const struct km_task *km_zapping_task(const struct km_tasks *tasks, const char **function)
{
	static const char *const functions[] = {
		"kvm_gmem_invalidate_begin",
		"kvm_gmem_invalidate_start",
		"__kvm_gmem_invalidate_begin",
		"__kvm_gmem_invalidate_start",
		"kvm_gmem_invalidate_end",
		"kvm_gmem_fallocate",
		"kvm_gmem_punch_hole",
		"kvm_gmem_release",
		"kvm_gmem_error_folio",
		"kvm_vm_set_mem_attributes",
		"kvm_vm_ioctl_set_mem_attributes",
		"kvm_handle_gfn_range",
		"kvm_zap_gfn_range",
		NULL,
	};

	return km_task_in_any(tasks, 0, functions, function);
}

bool km_stacks_known(const struct km_tasks *tasks, uint64_t mm)
{
	bool any = false;

	if (!tasks || !tasks->complete)
		return false;
	for (size_t i = 0; i < tasks->count; i++) {
		const struct km_task *task = &tasks->tasks[i];

		/* it may be a task of this mm */
		if (task->mm.known == KM_UNREADABLE)
			return false;
		if (!km_is_known(task->mm) || task->mm.v != mm)
			continue;
		any = true;
		if (km_task_is_idle(task))
			continue;
		/* a task running in userspace or in the guest has no frames on its kernel stack;
		 * that cannot be distinguished from an unknown stack */
		if (task->stack.pages_missing || (task->stack.trouble[0] && !task->stack.count))
			return false;
	}
	return any;
}

bool km_threads_known(const struct km_tasks *tasks, struct km_val mm)
{
	if (!tasks || !tasks->complete || tasks->left_out || !km_is_known(mm))
		return false;
	for (size_t i = 0; i < tasks->count; i++) {
		if (km_is_known(tasks->tasks[i].mm) && tasks->tasks[i].mm.v == mm.v)
			return true;
	}
	return false;
}
