// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/vm.h"

#include "kernel/xarray.h"
#include "kvm/lost_vcpus.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than any host has: beyond this, the structures are corrupt. */
#define MAX_VMS 65536
/* CONFIG_KVM_MAX_NR_VCPUS is at most this */
#define MAX_VCPUS 4096
/* KVM_X86_TDX_VM is 5; room for later ones */
#define MAX_VM_TYPE 15

const char *km_vm_type_name(uint64_t vm_type)
{
	static const char *const names[] = {"default", "SW_PROTECTED", "SEV",
					    "SEV-ES",  "SNP",	       "TDX"};

	return vm_type < sizeof(names) / sizeof(names[0]) ? names[vm_type] : NULL;
}

struct km_val km_vm_has_tdp_mmu(const struct km_kernel *k, const struct km_vm *vm)
{
	return km_is_known(vm->tdp_mmu_enabled) ? vm->tdp_mmu_enabled
						: km_kernel_variable(k, "tdp_mmu_enabled", 1);
}

struct km_spte_masks km_vm_masks(const struct km_kernel *kernel, const struct km_vm *vm)
{
	struct km_spte_masks masks = kernel->masks;

	if (vm && km_is_known(vm->shadow_mmio_value))
		masks.mmio_value = vm->shadow_mmio_value.v;
	if (vm && km_is_known(vm->gfn_direct_bits))
		masks.gfn_direct_bits = vm->gfn_direct_bits.v;
	return masks;
}

/* Find the process that owns the VM: the owner of kvm.mm (with memcg), else its creator. */
static void read_owner(const struct km_kernel *k, struct km_vm *vm)
{
	struct km_val owner = {.known = KM_ABSENT};

	vm->pid = km_kget(k, vm->addr, KM_M_kvm_userspace_pid);
	if (vm->mm.v)
		owner = km_kget(k, vm->mm.v, KM_M_mm_struct_owner);
	/* no owner (no memcg, or the process is exiting): the thread group of a vCPU */
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
	struct km_val array = km_find_addr_of(k->mem, k->layout, kvm, KM_M_kvm_vcpu_array);
	struct km_val val;

	if (km_is_known(array))
		return km_xarray_load(k, array.v, idx, addr);
	if (array.known == KM_UNREADABLE)
		return km_errorf(KM_EREAD, "the pointer to the vCPUs' array is not readable");
	val = km_kelem(k, kvm, KM_M_kvm_vcpus, idx);
	if (!km_is_known(val))
		return km_errorf(KM_EREAD, "kvm.vcpus[%u] is not readable", idx);
	*addr = val.v;
	return NULL;
}

/* Keep the first error only: the others usually follow from it. */
static void note_trouble(char **trouble, km_error *err)
{
	if (!*trouble)
		*trouble = strdup(km_error_text(err));
	km_error_free(err);
}

/*
 * How many elements of the array to read. online_vcpus counts them; created_vcpus is one more while
 * a vCPU is being created. A number that is impossible, or smaller than the other, is ignored.
 */
static uint64_t count_places(struct km_vm *vm)
{
	uint64_t online = vm->online_vcpus.v, created = vm->created_vcpus.v;

	if (!km_is_known(vm->created_vcpus))
		created = online;
	if (online > MAX_VCPUS || created > MAX_VCPUS || online > created)
		km_contradict(&vm->contradictions,
			      "kvm.online_vcpus is %" PRIu64 ", created_vcpus %" PRIu64
			      "; at most %u vCPUs are possible",
			      online, created, MAX_VCPUS);
	if (online > MAX_VCPUS && created > MAX_VCPUS)
		return MAX_VCPUS;
	if (online > MAX_VCPUS || created > MAX_VCPUS)
		return online < created ? online : created;
	return online > created ? online : created;
}

/* Is the vCPU at @addr already in the VM? */
static bool is_there(const struct km_vm *vm, uint64_t addr)
{
	for (size_t i = 0; i < vm->vcpu_count; i++) {
		if (vm->vcpus[i].addr == addr)
			return true;
	}
	return false;
}

/* The vCPU at place @idx of the array. Beyond online_vcpus it may be one that is being created. */
static void add_vcpu(const struct km_kernel *k, struct km_vm *vm, uint64_t addr, unsigned idx)
{
	struct km_vcpu *v = &vm->vcpus[vm->vcpu_count++];

	km_vcpu_read(k, addr, idx, v);
	km_vcpu_check(k, vm->addr, vm->mm, v);
	if (idx >= vm->online_vcpus.v && !km_vcpu_never_ran(v))
		km_contradict(&v->contradictions,
			      "it has run, but kvm.online_vcpus is %" PRIu64 ": it is not counted",
			      vm->online_vcpus.v);
	if (!v->readable)
		vm->vcpus_lost++;
}

static km_error *read_vcpus(const struct km_kernel *k, struct km_vm *vm)
{
	uint64_t places;
	km_error *err;

	if (!km_is_known(vm->online_vcpus)) {
		vm->vcpus_lost = 1;
		note_trouble(
			&vm->trouble,
			km_errorf(KM_EREAD, "struct kvm is not readable: its vCPUs are not known"));
		return NULL;
	}
	places = count_places(vm);
	err = km_memory_charge(k->mem, places + 1, sizeof(*vm->vcpus));
	if (err)
		return err;
	vm->places = places;
	vm->vcpus = calloc(places + 1, sizeof(*vm->vcpus));
	if (!vm->vcpus)
		return km_errorf(KM_ENOMEM, "out of memory");
	for (unsigned i = 0; i < places; i++) {
		bool online = i < vm->online_vcpus.v;
		uint64_t addr = 0;

		err = km_check_interrupt(k->mem);
		if (err)
			return err;
		err = vcpu_address(k, vm->addr, i, &addr);
		if (err && online)
			note_trouble(&vm->trouble, km_error_context(err, "vCPU %u", i));
		else
			km_error_free(err);
		vm->vcpus_lost += !addr && online;
		if (addr && is_there(vm, addr))
			km_contradict(&vm->contradictions,
				      "index %u of kvm.vcpu_array has the same vCPU as another "
				      "index: 0x%" PRIx64,
				      i, addr);
		else if (addr)
			add_vcpu(k, vm, addr, i);
	}
	return NULL;
}

/* Members that have only a few values; kvm_mmu_zap_all_fast() toggles the generation. */
static void check_vm(const struct km_kernel *k, struct km_vm *vm)
{
	const struct km_member *gen = km_layout_member(k->layout, KM_M_kvm_mmu_valid_gen);
	const struct {
		const char *name;
		struct km_val val;
	} bools[] = {{"kvm.vm_bugged", vm->vm_bugged},
		     {"kvm.vm_dead", vm->vm_dead},
		     {"kvm.arch.tdp_mmu_enabled", vm->tdp_mmu_enabled},
		     {"kvm.arch.has_private_mem", vm->has_private_mem},
		     {"kvm.arch.disable_nx_huge_pages", vm->disable_nx_huge_pages}};

	for (size_t i = 0; i < sizeof(bools) / sizeof(bools[0]); i++) {
		if (bools[i].val.corrupted)
			km_contradict(&vm->contradictions, "%s is neither 0 nor 1", bools[i].name);
	}
	if (gen && gen->size == 1 && km_is_known(vm->mmu_valid_gen) && vm->mmu_valid_gen.v > 1)
		km_contradict(&vm->contradictions,
			      "kvm.arch.mmu_valid_gen is %" PRIu64 ", neither 0 nor 1",
			      vm->mmu_valid_gen.v);
	if (km_is_known(vm->vm_type) && vm->vm_type.v > MAX_VM_TYPE)
		km_contradict(&vm->contradictions,
			      "kvm.arch.vm_type is %" PRIu64 ", which is not a type",
			      vm->vm_type.v);
	if (km_is_known(vm->mm) && vm->mm.v && !km_is_kernel_address(vm->mm.v))
		km_contradict(&vm->contradictions,
			      "kvm.mm is 0x%" PRIx64 ", which is not a kernel address", vm->mm.v);
}

static int compare_indexes(const void *a, const void *b)
{
	const struct km_vcpu *x = a, *y = b;

	return (x->idx > y->idx) - (x->idx < y->idx);
}

/* Add the vCPUs that the array does not lead to, but the process of the VM does. */
static km_error *find_lost(const struct km_kernel *k, struct km_vm *vm)
{
	size_t before = vm->vcpu_count, missing = vm->places - vm->vcpu_count;
	struct km_lost_vcpus lost;
	char *trouble = NULL;
	km_error *err;

	if (!vm->trouble || !missing || !vm->owner)
		return NULL;
	/* those of the array are found again */
	err = km_lost_vcpus_find(k, vm->addr, vm->owner, vm->places, &lost);
	for (size_t i = 0; i < lost.count && vm->vcpu_count < vm->places; i++) {
		struct km_val idx = km_kget(k, lost.addrs[i], KM_M_kvm_vcpu_vcpu_idx);

		if (is_there(vm, lost.addrs[i]))
			continue;
		add_vcpu(k, vm, lost.addrs[i], km_is_known(idx) ? (unsigned)idx.v : (unsigned)i);
		vm->vcpus_lost -= vm->vcpus_lost > 0;
	}
	km_lost_vcpus_deinit(&lost);
	qsort(vm->vcpus, vm->vcpu_count, sizeof(*vm->vcpus), compare_indexes);
	if (!err && vm->vcpu_count > before &&
	    asprintf(&trouble,
		     "%s; %zu of %zu vCPUs that are missing from it were found in the files and "
		     "threads of the process",
		     vm->trouble, vm->vcpu_count - before, missing) >= 0) {
		free(vm->trouble);
		vm->trouble = trouble;
	}
	return err;
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
	check_vm(k, vm);
	err = read_vcpus(k, vm);
	if (!err)
		read_owner(k, vm);
	return err ? err : find_lost(k, vm);
}

static void vm_deinit(struct km_vm *vm)
{
	free(vm->vcpus);
	free(vm->trouble);
}

static bool has_vm(const struct km_vms *vms, uint64_t addr)
{
	for (size_t i = 0; i < vms->count; i++) {
		if (vms->vms[i].addr == addr)
			return true;
	}
	return false;
}

static km_error *add_vm(const struct km_kernel *k, uint64_t addr, struct km_vms *vms)
{
	km_error *err = km_memory_charge(k->mem, 1, sizeof(*vms->vms));
	size_t number = vms->count;
	struct km_vm *grown;

	if (err)
		return err;
	grown = reallocarray(vms->vms, number + 1, sizeof(*grown));
	if (!grown)
		return km_errorf(KM_ENOMEM, "out of memory");
	vms->vms = grown;
	vms->count++;
	return read_vm(k, addr, number, &grown[number]);
}

/* One way through the list, and what was found on it. */
struct list_walk {
	uint32_t offset; /* of the link in struct kvm */
	enum km_member_id link, back;
	bool complete; /* it ended where it began */
	bool loop;     /* it reached a VM for the second time */
	bool torn;     /* a link back contradicts it */
	size_t steps;
};

/* Follow the list and add VMs that are not there yet, up to the head or an unreadable place. */
static km_error *walk_list(const struct km_kernel *k, struct list_walk *walk, struct km_vms *vms)
{
	struct km_val at = km_kget(k, k->vm_list, walk->link), back;
	uint64_t before = k->vm_list;
	size_t first = vms->count;

	while (km_is_known(at) && at.v != k->vm_list && !walk->loop && walk->steps < MAX_VMS) {
		km_error *err = km_check_interrupt(k->mem);

		back = km_kconfirm(k, at.v, walk->back);
		walk->torn |= km_is_known(back) && back.v != before;
		if (!err && !has_vm(vms, at.v - walk->offset))
			err = add_vm(k, at.v - walk->offset, vms);
		else
			/* known from the other walk, unless this one is longer than that */
			walk->loop = !first || walk->steps > vms->count;
		if (err)
			return err;
		walk->steps++;
		before = at.v;
		at = km_kget(k, at.v, walk->link);
	}
	walk->complete = km_is_known(at) && at.v == k->vm_list;
	back = km_kconfirm(k, k->vm_list, walk->back);
	walk->torn |= walk->complete && km_is_known(back) && back.v != before;
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

/* vm_list starts with the newest VM; numbering starts with the oldest, so that it is stable. */
static void number_from_oldest(struct km_vms *vms)
{
	reverse(vms->vms, vms->count);
	for (size_t i = 0; i < vms->count; i++)
		vms->vms[i].number = i;
}

/* What is wrong with the list, if anything; @more VMs were found from its end. */
static void describe_list(const struct list_walk *forward, size_t more, struct km_vms *vms)
{
	if (forward->loop)
		note_trouble(
			&vms->trouble,
			km_errorf(KM_EDATA,
				  "the list of VMs contains a loop after %zu from its head; %zu "
				  "more were found from its end",
				  forward->steps - 1, more));
	else if (forward->torn)
		note_trouble(&vms->trouble,
			     km_errorf(KM_EDATA,
				       "the list of VMs is inconsistent: its links contradict each "
				       "other; %zu VMs from its head, %zu more from its end",
				       forward->steps, more));
	else if (forward->steps == MAX_VMS)
		note_trouble(&vms->trouble, km_errorf(KM_EDATA, "the list of VMs does not end"));
	else if (!forward->complete)
		note_trouble(&vms->trouble,
			     km_errorf(KM_EREAD,
				       "the list of VMs is interrupted by a missing page after %zu "
				       "from its head and %zu from its end: there may be more VMs",
				       forward->steps, more));
}

static int compare_vcpus(const void *a, const void *b)
{
	const struct km_vcpu *const *x = a, *const *y = b;

	return (*x)->addr < (*y)->addr ? -1 : (*x)->addr > (*y)->addr;
}

/* Each vCPU belongs to one VM: find those that two VMs have. */
static km_error *check_owners(struct km_vms *vms)
{
	struct km_vcpu **all;
	size_t count = 0, n = 0;

	for (size_t i = 0; i < vms->count; i++)
		count += vms->vms[i].vcpu_count;
	all = calloc(count + 1, sizeof(*all));
	if (!all)
		return km_errorf(KM_ENOMEM, "out of memory");
	for (size_t i = 0; i < vms->count; i++) {
		for (size_t j = 0; j < vms->vms[i].vcpu_count; j++)
			all[n++] = &vms->vms[i].vcpus[j];
	}
	qsort(all, count, sizeof(*all), compare_vcpus);
	for (size_t i = 0; i + 1 < count; i++) {
		if (all[i]->addr != all[i + 1]->addr)
			continue;
		km_contradict(&all[i]->contradictions, "two VMs have this vCPU");
		km_contradict(&all[i + 1]->contradictions, "two VMs have this vCPU");
	}
	free(all);
	return NULL;
}

/* What a capsule of a selection does not contain. */
static void mark_left_out(const struct km_kernel *k, struct km_vms *vms)
{
	const struct km_target *target = km_memory_target(k->mem);

	for (size_t i = 0; i < vms->count; i++) {
		struct km_vm *vm = &vms->vms[i];

		vm->left_out = km_target_leaves_out(target, vm->number, -1);
		for (size_t j = 0; j < vm->vcpu_count; j++)
			vm->vcpus[j].left_out =
				km_target_leaves_out(target, vm->number, vm->vcpus[j].idx);
	}
}

km_error *km_vms_read(const struct km_kernel *k, struct km_vms *vms)
{
	const struct km_member *link = km_layout_member(k->layout, KM_M_kvm_vm_list);
	struct list_walk forward = {.link = KM_M_list_head_next, .back = KM_M_list_head_prev};
	struct list_walk backward = {.link = KM_M_list_head_prev, .back = KM_M_list_head_next};
	size_t first;
	km_error *err;

	memset(vms, 0, sizeof(*vms));
	if (!link)
		return km_errorf(KM_EABSENT, "the type information does not describe struct kvm");
	forward.offset = backward.offset = link->offset;
	err = walk_list(k, &forward, vms);
	first = vms->count;
	/* what is beyond the damage is reached from the other end */
	if (!err && (!forward.complete || forward.torn || forward.loop)) {
		err = walk_list(k, &backward, vms);
		if (vms->count > first) /* without any VM, there is no array */
			reverse(vms->vms + first, vms->count - first);
		describe_list(&forward, vms->count - first, vms);
	}
	if (!err)
		number_from_oldest(vms);
	mark_left_out(k, vms);
	return err ? err : check_owners(vms);
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
