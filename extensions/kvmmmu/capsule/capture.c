// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnose/case_read.h"
#include "capsule/capture.h"

#include "diagnose/damage.h"
#include "diagnose/diagnosis.h"
#include "host/boot.h"
#include "host/host_facts.h"
#include "host/host_modules.h"
#include "history/history.h"
#include "threads/task_times.h"
#include "walk/page_tables.h"
#include "threads/saved_stacks.h"
#include "threads/stack_read.h"
#include "threads/tasks_read.h"
#include "trace/kernel_log.h"
#include "kernel/kernel_open.h"
#include "fault/page_fault.h"

#include <stdlib.h>
#include <string.h>

struct capture_run {
	struct km_kernel *k;
	const struct km_capture_options *options;
	struct km_recorder *rec;
	struct km_page_tables tables;
	struct km_tasks tasks;
};

#define MAX_MAPPINGS 64 /* of one memslot */

static void read_names(struct capture_run *run, const struct km_vm *vm)
{
	struct km_kernel *k = run->k;
	char comm[sizeof(vm->comm)];

	if (!run->options->names)
		return;
	run->rec->stage = "names of processes";
	run->rec->names = true;
	if (vm->owner)
		km_error_free(km_get_string(k->mem, k->layout, vm->owner, KM_M_task_struct_comm,
					    comm, sizeof(comm)));
	for (size_t i = 0; i < vm->vcpu_count; i++) {
		if (km_is_known(vm->vcpus[i].task) && vm->vcpus[i].task.v)
			km_error_free(km_get_string(k->mem, k->layout, vm->vcpus[i].task.v,
						    KM_M_task_struct_comm, comm, sizeof(comm)));
	}
	run->rec->names = false;
}

/* Read the VMM's mappings of a slot's memory: explain may need that of any faulting page. */
static km_error *read_mappings(struct capture_run *run, const struct km_vm *vm,
			       const struct km_memslot *slot)
{
	uint64_t at = slot->userspace_addr, end = at + (slot->npages << KM_PAGE_SHIFT);
	km_error *err = NULL;

	for (unsigned n = 0; n < MAX_MAPPINGS && at < end && !err; n++) {
		struct km_vma vma;

		err = km_vma_lookup(run->k, vm->mm.v, at, &vma);
		if (!vma.known || !vma.addr || vma.end.v <= at)
			break;
		at = vma.end.v;
	}
	return err;
}

static km_error *read_memslots(struct capture_run *run, const struct km_vm *vm)
{
	run->rec->stage = "memslots";
	for (unsigned as_id = 0; as_id < 2; as_id++) {
		struct km_memslots slots;
		km_error *err = km_memslots_read(run->k, vm->addr, as_id, &slots);

		for (size_t i = 0; !err && i < slots.count; i++)
			err = read_mappings(run, vm, &slots.slots[i]);
		km_memslots_deinit(&slots);
		if (err && km_error_code(err) != KM_EABSENT)
			return err;
		km_error_free(err);
	}
	return NULL;
}

/* Read what KVM's handler would read for one fault: its walk, and its path. */
static km_error *read_path(struct capture_run *run, const struct km_vm *vm,
			   const struct km_vcpu *vcpu, const struct km_vcpu_mmu *all,
			   const struct km_fault *fault)
{
	const struct km_mmu *mmu = fault->mmu ? fault->mmu : all->active;
	struct km_spte_masks masks = km_vm_masks(run->k, vm);
	struct km_page_fault_state state = {
		.kernel = run->k,
		.vm = vm,
		.vcpu = vcpu,
		.all = all,
		.mmu = mmu,
		.masks = &masks,
		.addr = fault->addr.v,
		.error_code = fault->error_code.v,
		.live = fault->age == KM_AGE_IN_HANDLER ? &fault->pf : NULL,
	};
	struct km_page_fault_path path;
	struct km_memslots slots;
	struct km_walk walk;
	km_error *err;

	if (!mmu || !km_is_known(fault->addr) || !km_is_known(fault->error_code) ||
	    !run->k->features.spte_known)
		return NULL;
	masks.paging = mmu->paging;
	err = km_memslots_read(run->k, vm->addr, 0, &slots);
	state.slots = &slots;
	state.slots_known = !err;
	if (err && km_error_code(err) != KM_EABSENT)
		return err;
	km_error_free(err);
	state.walk = &walk;
	err = km_walk(run->k, &masks, mmu, state.addr, &walk);
	if (!err)
		err = km_page_fault_replay(&state, &path);
	/* and the path without the handler's own state */
	state.live = NULL;
	if (!err)
		err = km_page_fault_replay(&state, &path);
	km_memslots_deinit(&slots);
	return err;
}

static km_error *read_vcpu(struct capture_run *run, const struct km_vm *vm,
			   const struct km_vcpu *vcpu)
{
	struct km_spte_masks masks = km_vm_masks(run->k, vm);
	struct km_last_fault last;
	struct km_vcpu_mmu all;
	km_error *err;

	run->rec->stage = "MMU contexts";
	km_vcpu_mmu_read(run->k, vcpu, &all);
	run->rec->stage = "last fault";
	err = km_last_fault_find(run->k, vm, vcpu, &all, &last);
	if (err) {
		km_last_fault_deinit(&last);
		return err;
	}
	run->rec->stage = "page tables";
	/* without the masks, the address in an entry is not known */
	for (size_t i = 0; run->k->features.spte_known && i < all.mmu_count && !err; i++)
		err = km_page_tables_add(&run->tables, run->k, &masks, &all.mmus[i]);
	run->rec->stage = "path of the last fault";
	for (size_t i = 0; i < last.count && !err; i++)
		err = read_path(run, vm, vcpu, &all, &last.faults[i]);
	km_last_fault_deinit(&last);
	return err;
}

/* Run the catalogue, to record everything that it reads. */
static km_error *read_case(struct capture_run *run, const struct km_vm *vm,
			   const struct km_vcpu *vcpu)
{
	struct km_case_options defaults = {0};
	struct km_explanation *e = malloc(sizeof(*e));
	struct km_case *c = calloc(1, sizeof(*c));
	km_error *err = c && e ? NULL : km_errorf(KM_ENOMEM, "out of memory");

	run->rec->stage = "explain";
	if (!err)
		err = km_case_read(run->k, vm, vcpu, &run->tasks, &defaults, c);
	if (!err)
		km_explain_case(c, e);
	run->rec->stage = "report";
	if (!err) {
		km_damage_read(c);
		if (km_is_known(vcpu->task) && vcpu->task.v)
			km_task_times_read(run->k, vcpu->task.v);
	}
	if (c)
		km_case_deinit(c);
	free(c);
	free(e);
	return err;
}

static km_error *read_vm(struct capture_run *run, const struct km_vm *vm)
{
	km_error *err;

	read_names(run, vm);
	err = read_memslots(run, vm);
	for (size_t i = 0; i < vm->vcpu_count && !err; i++) {
		if (run->options->vcpu == KM_ALL || run->options->vcpu == vm->vcpus[i].idx)
			err = read_vcpu(run, vm, &vm->vcpus[i]);
		if (!err &&
		    (run->options->vcpu == KM_ALL || run->options->vcpu == vm->vcpus[i].idx))
			err = read_case(run, vm, &vm->vcpus[i]);
	}
	return err;
}

/* Does the selection need this task: is it of a selected VM's process, or of no VM's? */
static bool selected(const struct capture_run *run, const struct km_vms *vms,
		     const struct km_task *task)
{
	bool owner = false;

	for (size_t i = 0; i < vms->count; i++) {
		if (!task->mm.v || vms->vms[i].mm.v != task->mm.v)
			continue;
		if (run->options->vm == KM_ALL || run->options->vm == (int64_t)i)
			return true;
		owner = true;
	}
	return !owner;
}

/* The stack of a task that is idle is kept once, as what the capsule will contain. */
static km_error *add_task(struct capture_run *run, struct km_task *task)
{
	struct km_saved_stacks *saved = run->rec->saved;
	km_error *err;

	if (!task->stack_unread)
		return km_saved_stacks_add_task(saved, task);
	err = km_stack_read(run->k, task->addr, &task->stack);
	if (!err)
		err = km_saved_stacks_add_task(saved, task);
	km_stack_deinit(&task->stack);
	return err;
}

/* Tasks are included as decoded values, not as bytes. */
static km_error *read_tasks(struct capture_run *run, const struct km_vms *vms)
{
	struct km_saved_stacks *saved = run->rec->saved;
	km_error *err;

	run->rec->stage = "tasks";
	err = km_tasks_read(run->k, vms, &run->tasks);
	saved->tasks.complete = run->tasks.complete;
	memcpy(saved->tasks.trouble, run->tasks.trouble, sizeof(saved->tasks.trouble));
	for (size_t i = 0; i < run->tasks.count && !err; i++) {
		struct km_task *task = &run->tasks.tasks[i];

		if (!run->options->names)
			task->comm[0] = '\0';
		if (!selected(run, vms, task))
			continue;
		err = km_memory_charge(run->k->mem, 1, sizeof(*saved->stacks));
		if (!err)
			err = add_task(run, task);
	}
	return err;
}

/* The command line is read only if names may be stored. */
static km_error *read_host(struct capture_run *run)
{
	struct km_host_facts *facts;
	struct km_boot boot;

	run->rec->stage = "facts about the host";
	km_boot_read(run->k, &boot);
	run->rec->names = run->options->names;
	facts = km_host_facts_read(run->k);
	km_host_module_at(run->k, 0);
	run->rec->names = false;
	free(facts);
	return facts ? NULL : km_errorf(KM_ENOMEM, "out of memory");
}

/* Did ftrace record events of KVM? Not recorded: most kernels trace nothing. */
static km_error *has_history(struct capture_run *run, bool *has)
{
	bool before = km_memory_try(run->k->mem, true);
	struct km_history history;
	km_error *err;

	*has = false;
	km_memory_record(run->k->mem, NULL);
	err = km_history_read(run->k, &history);
	for (size_t i = 0; i < history.count; i++)
		*has |= history.instances[i].events > 0;
	km_history_deinit(&history);
	km_memory_record(run->k->mem, run->rec);
	km_memory_try(run->k->mem, before);
	return err;
}

/* What ftrace recorded: only the fields that replay needs. */
static km_error *read_history(struct capture_run *run)
{
	struct km_history history;
	bool has;
	km_error *err = has_history(run, &has);

	if (err || !has)
		return err;
	run->rec->stage = "history in ftrace's ring buffers";
	err = km_history_read(run->k, &history);
	for (size_t i = 0; i < history.count && !err; i++) {
		FILE *text = history.instances[i].unread
				     ? NULL
				     : km_history_open(&history, &history.instances[i]);

		while (text && fgetc(text) != EOF)
			;
		if (text)
			fclose(text);
		err = km_check_interrupt(run->k->mem);
	}
	km_history_deinit(&history);
	return err;
}

/* Only KVM's messages are recorded; see trace/kernel_log.h. */
static km_error *read_log(struct capture_run *run)
{
	struct km_log *log = malloc(sizeof(*log));
	struct km_printk_counts counts;
	km_error *err;

	if (!log)
		return km_errorf(KM_ENOMEM, "out of memory");
	run->rec->stage = "messages of KVM in the kernel log";
	run->rec->names = run->options->names;
	err = km_log_of_kernel(run->k, log, &counts);
	run->rec->names = false;
	free(log);
	if (!err || km_error_code(err) == KM_EINTR || km_error_code(err) == KM_ELIMIT)
		return err;
	/* a capsule without a log is still a capsule */
	km_error_free(err);
	return NULL;
}

static km_error *read_all(struct capture_run *run)
{
	struct km_vms vms = {0};
	km_error *err;

	run->rec->stage = "masks and features";
	err = km_kernel_read(run->k);
	if (!err)
		err = read_host(run);
	if (!err)
		err = read_log(run);
	run->rec->stage = "lists of VMs and vCPUs";
	if (!err)
		err = km_vms_read(run->k, &vms);
	km_vms_find_threads(run->k, &vms);
	if (!err)
		err = read_tasks(run, &vms);
	for (size_t i = 0; i < vms.count && !err; i++) {
		if (run->options->vm == KM_ALL || run->options->vm == (int64_t)i)
			err = read_vm(run, &vms.vms[i]);
	}
	if (!err)
		err = read_history(run);
	km_tasks_deinit(&run->tasks);
	km_vms_deinit(&vms);
	return err;
}

km_error *km_capture(struct km_kernel *k, const struct km_capture_options *options,
		     struct km_capture *capture)
{
	uint64_t limit = options->limit < KM_CAPTURE_MAX ? options->limit : KM_CAPTURE_MAX;
	struct capture_run run = {k, options, &capture->rec, {.limit = limit}, {0}};
	km_error *err;

	memset(capture, 0, sizeof(*capture));
	capture->rec.saved = calloc(1, sizeof(*capture->rec.saved));
	if (!capture->rec.saved)
		return km_errorf(KM_ENOMEM, "out of memory");
	km_memory_record(k->mem, &capture->rec);
	err = read_all(&run);
	km_memory_record(k->mem, NULL);
	capture->left_out = run.tables.left_out;
	capture->pages = run.tables.count - capture->left_out;
	capture->limit_hit = run.tables.limit_hit;
	km_page_tables_deinit(&run.tables);
	km_recorder_sort(&capture->rec);
	if (!err && capture->rec.oom)
		err = km_errorf(KM_ENOMEM, "out of memory");
	return err;
}

void km_capture_deinit(struct km_capture *capture)
{
	km_saved_stacks_free(capture->rec.saved);
	km_recorder_deinit(&capture->rec);
}
