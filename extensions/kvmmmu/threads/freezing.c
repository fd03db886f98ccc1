// SPDX-License-Identifier: GPL-2.0-or-later
#include "threads/freezing.h"

/* Functions of the TDP MMU that freeze entries and thaw them again. */
static const char *const freezers[] = {
	"tdp_mmu_set_spte_atomic",
	"__tdp_mmu_set_spte_atomic",
	"tdp_mmu_zap_spte_atomic",
	"tdp_mmu_set_spte",
	"handle_changed_spte",
	"__handle_changed_spte",
	"handle_removed_pt",
	"handle_removed_tdp_mmu_page",
	"tdp_mmu_link_sp",
	"tdp_mmu_split_huge_page",
	"tdp_mmu_split_huge_pages_root",
	"__tdp_mmu_zap_root",
	"tdp_mmu_zap_root",
	"tdp_mmu_zap_leafs",
	"kvm_tdp_mmu_zap_leafs",
	"kvm_tdp_mmu_zap_sp",
	"kvm_tdp_mmu_zap_all",
	"kvm_tdp_mmu_zap_invalidated_roots",
	"kvm_tdp_mmu_unmap_gfn_range",
	NULL,
};

/*
 * Functions that may find frozen entries as well: a task in one of these has frozen an entry only
 * while it flushes remote TLBs (6.1 to 6.12).
 */
static const char *const freezers_that_flush[] = {
	"kvm_tdp_mmu_map",
	"tdp_mmu_map_handle_target_level",
	"kvm_tdp_page_fault",
	"zap_collapsible_spte_range",
	"kvm_tdp_mmu_zap_collapsible_sptes",
	NULL,
};

static const char *function_in(const struct km_stack *stack, const char *const *functions)
{
	for (; *functions; functions++) {
		if (km_stack_in(stack, *functions))
			return *functions;
	}
	return NULL;
}

bool km_task_flushes_tlbs(const struct km_task *task)
{
	/* some kernels inline all but one of them */
	static const char *const functions[] = {
		"kvm_flush_remote_tlbs",
		"kvm_flush_remote_tlbs_range",
		"kvm_flush_remote_tlbs_gfn",
		"kvm_flush_remote_tlbs_with_address",
		"kvm_flush_remote_tlbs_with_range",
		"kvm_make_all_cpus_request",
		"kvm_make_all_cpus_request_except",
		"kvm_make_vcpus_request_mask",
		NULL,
	};

	return function_in(&task->stack, functions);
}

/* The function in which @task may have frozen an entry; NULL if it is in none. */
static const char *freezes_in(const struct km_task *task)
{
	const char *function = function_in(&task->stack, freezers);

	if (!function && km_task_flushes_tlbs(task))
		function = function_in(&task->stack, freezers_that_flush);
	return function;
}

const struct km_task *km_freezing_task(const struct km_tasks *tasks, uint64_t mm,
				       const char **function)
{
	for (size_t i = 0; tasks && i < tasks->count; i++) {
		const struct km_task *task = &tasks->tasks[i];

		if ((km_is_known(task->mm) && task->mm.v && task->mm.v != mm) ||
		    km_task_is_idle(task))
			continue;
		*function = freezes_in(task);
		if (*function)
			return task;
	}
	return NULL;
}

unsigned km_tasks_unseen(const struct km_tasks *tasks)
{
	unsigned count = 0;

	for (size_t i = 0; i < tasks->count; i++) {
		const struct km_task *task = &tasks->tasks[i];

		count += !km_task_is_idle(task) &&
			 (!task->stack.count || task->stack.start == KM_STACK_UNKNOWN);
	}
	return count;
}
