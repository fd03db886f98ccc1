// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture.h"

#include "diagnosis.h"
#include "page_tables.h"
#include "saved_stacks.h"

#include <stdlib.h>
#include <string.h>

struct job {
	struct km_kernel *k;
	const struct km_capture_options *options;
	struct km_recorder *rec;
	struct km_page_tables tables;
	struct km_tasks tasks;
};

#define MAX_MAPPINGS 64 /* of one memslot */

static void read_names(struct job *job, const struct km_vm *vm)
{
	struct km_kernel *k = job->k;
	char comm[sizeof(vm->comm)];

	if (!job->options->names)
		return;
	job->rec->stage = "names of processes";
	job->rec->names = true;
	if (vm->owner)
		km_error_free(km_get_string(k->mem, k->layout, vm->owner, KM_M_task_struct_comm,
					    comm, sizeof(comm)));
	for (size_t i = 0; i < vm->vcpu_count; i++) {
		if (km_is_known(vm->vcpus[i].task) && vm->vcpus[i].task.v)
			km_error_free(km_get_string(k->mem, k->layout, vm->vcpus[i].task.v,
						    KM_M_task_struct_comm, comm, sizeof(comm)));
	}
	job->rec->names = false;
}

/* What the VMM maps where a slot's memory is: explain asks it of the page of any fault. */
static km_error *read_mappings(struct job *job, const struct km_vm *vm,
			       const struct km_memslot *slot)
{
	uint64_t at = slot->userspace_addr, end = at + (slot->npages << KM_PAGE_SHIFT);
	km_error *err = NULL;

	for (unsigned n = 0; n < MAX_MAPPINGS && at < end && !err; n++) {
		struct km_vma vma;

		err = km_vma_lookup(job->k, vm->mm.v, at, &vma);
		if (!vma.known || !vma.addr || vma.end.v <= at)
			break;
		at = vma.end.v;
	}
	return err;
}

static km_error *read_memslots(struct job *job, const struct km_vm *vm)
{
	job->rec->stage = "memslots";
	for (unsigned as_id = 0; as_id < 2; as_id++) {
		struct km_memslots slots;
		km_error *err = km_memslots_read(job->k, vm->addr, as_id, &slots);

		for (size_t i = 0; !err && i < slots.count; i++)
			err = read_mappings(job, vm, &slots.slots[i]);
		km_memslots_deinit(&slots);
		if (err && km_error_code(err) != KM_EABSENT)
			return err;
		km_error_free(err);
	}
	return NULL;
}

/* What KVM's handler would look at for one fault: its walk, and the path. */
static km_error *read_path(struct job *job, const struct km_vm *vm, const struct km_vcpu *vcpu,
			   const struct km_vcpu_mmu *all, const struct km_fault *fault)
{
	const struct km_mmu *mmu = fault->mmu ? fault->mmu : all->active;
	struct km_spte_masks masks = km_vm_masks(job->k, vm);
	struct km_page_fault_state state = {
		.kernel = job->k,
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
	    !job->k->features.spte_known)
		return NULL;
	masks.paging = mmu->paging;
	err = km_memslots_read(job->k, vm->addr, 0, &slots);
	state.slots = &slots;
	state.slots_known = !err;
	if (err && km_error_code(err) != KM_EABSENT)
		return err;
	km_error_free(err);
	state.walk = &walk;
	err = km_walk(job->k, &masks, mmu, state.addr, &walk);
	if (!err)
		err = km_page_fault_replay(&state, &path);
	/* as it is asked without the handler's own view */
	state.live = NULL;
	if (!err)
		err = km_page_fault_replay(&state, &path);
	km_memslots_deinit(&slots);
	return err;
}

static km_error *read_vcpu(struct job *job, const struct km_vm *vm, const struct km_vcpu *vcpu)
{
	struct km_spte_masks masks = km_vm_masks(job->k, vm);
	struct km_last_fault last;
	struct km_vcpu_mmu all;
	km_error *err;

	job->rec->stage = "MMU contexts";
	km_vcpu_mmu_read(job->k, vcpu, &all);
	job->rec->stage = "last fault";
	err = km_last_fault_find(job->k, vm, vcpu, &all, &last);
	if (err)
		return err;
	job->rec->stage = "page tables";
	/* without its masks an entry may point anywhere */
	for (size_t i = 0; job->k->features.spte_known && i < all.mmu_count && !err; i++)
		err = km_page_tables_add(&job->tables, job->k, &masks, &all.mmus[i]);
	job->rec->stage = "path of the last fault";
	for (size_t i = 0; i < last.count && !err; i++)
		err = read_path(job, vm, vcpu, &all, &last.faults[i]);
	return err;
}

/* Everything that the catalogue looks at: by running it. */
static km_error *read_case(struct job *job, const struct km_vm *vm, const struct km_vcpu *vcpu)
{
	struct km_case_options none = {0};
	struct km_explanation *e = malloc(sizeof(*e));
	struct km_case *c = calloc(1, sizeof(*c));
	km_error *err = c && e ? NULL : km_errorf(KM_ENOMEM, "out of memory");

	job->rec->stage = "explain";
	if (!err)
		err = km_case_read(job->k, vm, vcpu, &job->tasks, &none, c);
	if (!err)
		km_explain_case(c, e);
	if (c)
		km_case_deinit(c);
	free(c);
	free(e);
	return err;
}

static km_error *read_vm(struct job *job, const struct km_vm *vm)
{
	km_error *err;

	read_names(job, vm);
	err = read_memslots(job, vm);
	for (size_t i = 0; i < vm->vcpu_count && !err; i++) {
		if (job->options->vcpu == KM_ALL || job->options->vcpu == vm->vcpus[i].idx)
			err = read_vcpu(job, vm, &vm->vcpus[i]);
		if (!err &&
		    (job->options->vcpu == KM_ALL || job->options->vcpu == vm->vcpus[i].idx))
			err = read_case(job, vm, &vm->vcpus[i]);
	}
	return err;
}

/* Is the task one that the selection needs: of its VM's process, or of no VM's? */
static bool selected(const struct job *job, const struct km_vms *vms, const struct km_task *task)
{
	bool owner = false;

	for (size_t i = 0; i < vms->count; i++) {
		if (!task->mm.v || vms->vms[i].mm.v != task->mm.v)
			continue;
		if (job->options->vm == KM_ALL || job->options->vm == (int64_t)i)
			return true;
		owner = true;
	}
	return !owner;
}

/* The tasks go into the capsule as what was found of them, not as bytes. */
static km_error *read_tasks(struct job *job, const struct km_vms *vms)
{
	struct km_saved_stacks *saved = job->rec->saved;
	struct km_tasks tasks;
	km_error *err;
	size_t kept = 0;

	job->rec->stage = "tasks";
	err = km_tasks_read(job->k, vms, &tasks);
	for (size_t i = 0; i < tasks.count && !err; i++) {
		if (!selected(job, vms, &tasks.tasks[i]))
			continue;
		tasks.tasks[kept] = tasks.tasks[i];
		if (!job->options->names)
			tasks.tasks[kept].comm[0] = '\0';
		kept++;
	}
	tasks.count = kept;
	if (!err)
		err = km_saved_stacks_take_tasks(saved, &tasks);
	km_tasks_deinit(&tasks);
	return err;
}

static km_error *read_all(struct job *job)
{
	struct km_vms vms = {0};
	km_error *err;

	job->rec->stage = "masks and features";
	err = km_kernel_read(job->k);
	job->rec->stage = "lists of VMs and vCPUs";
	if (!err)
		err = km_vms_read(job->k, &vms);
	km_vms_find_threads(job->k, &vms);
	if (!err)
		err = read_tasks(job, &vms);
	if (!err)
		err = km_tasks_read(job->k, &vms, &job->tasks);
	for (size_t i = 0; i < vms.count && !err; i++) {
		if (job->options->vm == KM_ALL || job->options->vm == (int64_t)i)
			err = read_vm(job, &vms.vms[i]);
	}
	km_tasks_deinit(&job->tasks);
	km_vms_deinit(&vms);
	return err;
}

km_error *km_capture(struct km_kernel *k, const struct km_capture_options *options,
		     struct km_capture *capture)
{
	uint64_t limit = options->limit < KM_CAPTURE_MAX ? options->limit : KM_CAPTURE_MAX;
	struct job job = {k, options, &capture->rec, {.limit = limit}, {0}};
	km_error *err;

	memset(capture, 0, sizeof(*capture));
	capture->rec.saved = calloc(1, sizeof(*capture->rec.saved));
	if (!capture->rec.saved)
		return km_errorf(KM_ENOMEM, "out of memory");
	km_memory_record(k->mem, &capture->rec);
	err = read_all(&job);
	km_memory_record(k->mem, NULL);
	capture->left_out = job.tables.left_out;
	capture->pages = job.tables.count - capture->left_out;
	capture->limit_hit = job.tables.limit_hit;
	km_page_tables_deinit(&job.tables);
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
