// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm.h"

#include "xarray.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than any host has; what lies beyond is a torn structure. */
#define MAX_VMS	  65536
#define MAX_VCPUS 65536

const char *km_vm_type_name(uint64_t vm_type)
{
	static const char *const names[] = {"default", "SW_PROTECTED", "SEV",
					    "SEV-ES",  "SNP",	       "TDX"};

	return vm_type < sizeof(names) / sizeof(names[0]) ? names[vm_type] : NULL;
}

struct km_spte_masks km_vm_masks(const struct km_kernel *kernel, const struct km_vm *vm)
{
	struct km_spte_masks masks = kernel->masks;

	if (vm && km_is_known(vm->shadow_mmio_value))
		masks.mmio_value = vm->shadow_mmio_value.v;
	return masks;
}

/* The process that owns the VM: kvm.mm's owner where memcg keeps it, else who created it. */
static void read_owner(const struct km_kernel *k, struct km_vm *vm)
{
	struct km_val owner = {.known = KM_ABSENT};

	vm->pid = km_kget(k, vm->addr, KM_M_kvm_userspace_pid);
	if (vm->mm.v)
		owner = km_kget(k, vm->mm.v, KM_M_mm_struct_owner);
	/* no owner (memcg off, or the process is going away): any vCPU's thread group */
	for (size_t i = 0; i < vm->vcpu_count && !(km_is_known(owner) && owner.v); i++) {
		if (km_is_known(vm->vcpus[i].task) && vm->vcpus[i].task.v)
			owner = km_kget(k, vm->vcpus[i].task.v, KM_M_task_struct_group_leader);
	}
	if (!km_is_known(owner) || !owner.v)
		return;
	if (km_is_known(km_kget(k, owner.v, KM_M_task_struct_tgid)))
		vm->pid = km_kget(k, owner.v, KM_M_task_struct_tgid);
	vm->owner = owner.v;
	km_error_free(km_get_string(k->mem, k->layout, owner.v, KM_M_task_struct_comm, vm->comm,
				    sizeof(vm->comm)));
}

static km_error *vcpu_address(const struct km_kernel *k, uint64_t kvm, unsigned idx, uint64_t *addr)
{
	struct km_val array = km_addr_of(k->layout, kvm, KM_M_kvm_vcpu_array);
	struct km_val val;

	if (km_is_known(array))
		return km_xarray_load(k, array.v, idx, addr);
	val = km_kelem(k, kvm, KM_M_kvm_vcpus, idx);
	if (!km_is_known(val))
		return km_errorf(KM_EREAD, "kvm.vcpus[%u] is not readable", idx);
	*addr = val.v;
	return NULL;
}

/* Keeps the first trouble only; the others are mostly its echo. */
static void note_trouble(char **trouble, km_error *err)
{
	if (!*trouble)
		*trouble = strdup(km_error_text(err));
	km_error_free(err);
}

static km_error *read_vcpus(const struct km_kernel *k, struct km_vm *vm)
{
	uint64_t online = vm->online_vcpus.v;

	if (!km_is_known(vm->online_vcpus)) {
		vm->vcpus_lost = 1;
		note_trouble(&vm->trouble,
			     km_errorf(KM_EREAD, "struct kvm is not readable: vCPUs unknown"));
		return NULL;
	}
	if (online > MAX_VCPUS) {
		note_trouble(&vm->trouble, km_errorf(KM_EDATA, "%" PRIu64 " vCPUs: torn?", online));
		return NULL;
	}
	vm->vcpus = calloc(online + 1, sizeof(*vm->vcpus));
	if (!vm->vcpus)
		return km_errorf(KM_ENOMEM, "out of memory");
	for (unsigned i = 0; i < online; i++) {
		uint64_t addr = 0;
		km_error *err = km_check_interrupt(k->mem);

		if (err)
			return err;
		err = vcpu_address(k, vm->addr, i, &addr);
		if (err || !addr) {
			vm->vcpus_lost++;
			if (err)
				note_trouble(&vm->trouble, km_error_context(err, "vCPU %u", i));
			continue;
		}
		km_vcpu_read(k, addr, i, &vm->vcpus[vm->vcpu_count]);
		if (!vm->vcpus[vm->vcpu_count].readable)
			vm->vcpus_lost++;
		vm->vcpu_count++;
	}
	return NULL;
}

static km_error *read_vm(const struct km_kernel *k, uint64_t addr, unsigned number,
			 struct km_vm *vm)
{
	km_error *err;

	memset(vm, 0, sizeof(*vm));
	vm->addr = addr;
	vm->number = number;
#define KM_READ(member) vm->member = km_kget(k, addr, KM_M_kvm_##member);
	KM_READ(mm)
	KM_READ(online_vcpus)
	KM_READ(created_vcpus)
	KM_READ(mmu_invalidate_seq)
	KM_READ(mmu_invalidate_in_progress)
	KM_READ(mmu_invalidate_range_start)
	KM_READ(mmu_invalidate_range_end)
	KM_READ(mn_active_invalidate_count)
	KM_READ(vm_bugged)
	KM_READ(vm_dead)
	KM_READ(vm_type)
	KM_READ(tdp_mmu_enabled)
	KM_READ(mmu_valid_gen)
	KM_READ(shadow_mmio_value)
	KM_READ(has_private_mem)
	KM_READ(disable_nx_huge_pages)
	KM_READ(gfn_direct_bits)
	KM_READ(indirect_shadow_pages)
#undef KM_READ
	err = read_vcpus(k, vm);
	if (!err)
		read_owner(k, vm);
	return err;
}

static void vm_deinit(struct km_vm *vm)
{
	free(vm->vcpus);
	free(vm->trouble);
}

/* Appends the VM at @addr. Sets trouble, and appends nothing, if the list has it already. */
static km_error *add_vm(const struct km_kernel *k, uint64_t addr, struct km_vms *vms)
{
	struct km_vm *grown = realloc(vms->vms, (vms->count + 1) * sizeof(*grown));
	km_error *err = km_check_interrupt(k->mem);

	if (!grown) {
		km_error_free(err);
		return km_errorf(KM_ENOMEM, "out of memory");
	}
	vms->vms = grown;
	for (size_t i = 0; !err && i < vms->count; i++) {
		if (grown[i].addr == addr) {
			note_trouble(&vms->trouble,
				     km_errorf(KM_EDATA, "the list of VMs runs in a loop after %zu",
					       vms->count));
			return NULL;
		}
	}
	if (!err && vms->count == MAX_VMS)
		note_trouble(&vms->trouble, km_errorf(KM_EDATA, "the list of VMs does not end"));
	else if (!err)
		err = read_vm(k, addr, vms->count, &grown[vms->count]);
	else
		return err;
	vms->count += !vms->trouble;
	return err;
}

/* Goes through the list by @link until its head, a torn place (trouble) or an unreadable one. */
static km_error *walk_list(const struct km_kernel *k, uint32_t to_link, enum km_member_id link,
			   struct km_vms *vms, bool *complete)
{
	struct km_val at = km_kget(k, k->vm_list, link);

	while (km_is_known(at) && at.v != k->vm_list && !vms->trouble) {
		km_error *err = add_vm(k, at.v - to_link, vms);

		if (err)
			return err;
		at = km_kget(k, at.v, link);
	}
	*complete = km_is_known(at);
	return NULL;
}

static void reverse(struct km_vm *vms, size_t count)
{
	for (size_t i = 0; i < count / 2; i++) {
		struct km_vm other = vms[i];

		vms[i] = vms[count - 1 - i];
		vms[count - 1 - i] = other;
	}
}

/* vm_list has the newest VM first: numbers count from the oldest, so that they stay. */
static void number_from_oldest(struct km_vms *vms)
{
	reverse(vms->vms, vms->count);
	for (size_t i = 0; i < vms->count; i++)
		vms->vms[i].number = i;
}

km_error *km_vms_read(const struct km_kernel *k, struct km_vms *vms)
{
	const struct km_member *link = km_layout_member(k->layout, KM_M_kvm_vm_list);
	bool complete = false;
	size_t forward;
	km_error *err;

	memset(vms, 0, sizeof(*vms));
	if (!link)
		return km_errorf(KM_EABSENT, "the type information does not describe struct kvm");
	err = walk_list(k, link->offset, KM_M_list_head_next, vms, &complete);
	forward = vms->count;
	if (!err && !complete && !vms->trouble) {
		/* a VM's page is missing: what lies behind it is reached from the other end */
		err = walk_list(k, link->offset, KM_M_list_head_prev, vms, &complete);
		reverse(vms->vms + forward, vms->count - forward);
		free(vms->trouble); /* meeting in the middle is no loop */
		vms->trouble = NULL;
		note_trouble(
			&vms->trouble,
			km_errorf(KM_EREAD,
				  "the list of VMs is torn by a missing page after %zu from its "
				  "head and %zu from its end: there may be more VMs",
				  forward, vms->count - forward));
	}
	if (!err)
		number_from_oldest(vms);
	return err;
}

void km_vms_deinit(struct km_vms *vms)
{
	for (size_t i = 0; i < vms->count; i++)
		vm_deinit(&vms->vms[i]);
	free(vms->vms);
	free(vms->trouble);
	memset(vms, 0, sizeof(*vms));
}

void km_vms_find_threads(const struct km_kernel *k, struct km_vms *vms)
{
	for (size_t i = 0; i < vms->count; i++) {
		for (size_t j = 0; j < vms->vms[i].vcpu_count; j++)
			km_vcpu_find_thread(k, &vms->vms[i].vcpus[j]);
	}
}
