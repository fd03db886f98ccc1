// SPDX-License-Identifier: GPL-2.0-or-later
#include "fault/vmcs_read.h"

#include "fault/page_fault_on_stack.h"
#include "kvm/pml.h"
#include "kvm/vmx.h"
#include "threads/stack_read.h"

#include <stdlib.h>
#include <string.h>

/* arch/x86/include/asm/vmx.h */
#define CPU_BASED_USE_TSC_OFFSETTING	      KM_BIT(3)
#define CPU_BASED_USE_MSR_BITMAPS	      KM_BIT(28)
#define CPU_BASED_ACTIVATE_SECONDARY_CONTROLS KM_BIT(31)
#define SECONDARY_EXEC_SHADOW_VMCS	      KM_BIT(14)
#define SECONDARY_EXEC_ENABLE_PML	      KM_BIT(17)
#define VMX_EPTP_MT_WB			      0x6
#define VMX_EPTP_PWL_4			      0x18
#define VMX_EPTP_PWL_5			      0x20
#define VMX_EPTP_AD_ENABLE_BIT		      KM_BIT(6)

#define MAX_PAGES 64 /* of a VM that are read for an unknown layout */

#define KM_REVISION "vmcs.revision_id"

struct reader {
	const struct km_kernel *k;
	uint64_t vmx, loaded, page; /* vcpu_vmx, loaded_vmcs, the VMCS page */
};

static struct km_val absent(void)
{
	return (struct km_val){.known = KM_ABSENT};
}

static bool find(const struct km_kernel *k, const struct km_vcpu *vcpu, struct reader *r)
{
	const struct km_member *outer = km_layout_member(k->layout, KM_M_vcpu_vmx_vcpu);

	*r = (struct reader){.k = k};
	if (k->vendor != KM_VENDOR_INTEL || !outer)
		return false;
	r->vmx = vcpu->addr - outer->offset;
	r->loaded = km_kget(k, r->vmx, KM_M_vcpu_vmx_loaded_vmcs).v;
	r->page = r->loaded ? km_kget(k, r->loaded, KM_M_loaded_vmcs_vmcs).v : 0;
	return r->page && km_kget(k, r->loaded, KM_M_loaded_vmcs_launched).v;
}

/* Mirrors construct_eptp(). */
static struct km_val eptp(const struct km_mmu *mmu)
{
	uint64_t bits = VMX_EPTP_MT_WB;

	if (!mmu || !mmu->readable || mmu->paging != KM_PAGING_EPT || !km_is_known(mmu->root.hpa) ||
	    !km_valid_page(mmu->root.hpa.v))
		return absent();
	bits |= mmu->root_role.level == 5 ? VMX_EPTP_PWL_5 : VMX_EPTP_PWL_4;
	if (!mmu->root_role.ad_disabled)
		bits |= VMX_EPTP_AD_ENABLE_BIT;
	return km_known_val(mmu->root.hpa.v | bits);
}

static struct km_val physical(const struct km_kernel *k, struct km_val va)
{
	if (!km_is_known(va) || va.v < k->page_offset_base)
		return absent();
	return km_known_val(va.v - k->page_offset_base);
}

/* What KVM keeps of the fields, and of those only what it has written to the VMCS. */
static void read_anchors(const struct reader *r, const struct km_vcpu *vcpu,
			 struct km_vmcs_page *page)
{
	const struct km_kernel *k = r->k;
	struct km_val *a = page->anchors, exec, secondary;
	struct km_vmx_exit exit;
	struct km_vcpu_mmu all;

	for (int i = 0; i < KM_VMCS_FIELD_COUNT; i++)
		a[i] = absent();
#define KM_LOADED(name) a[KM_VMCS_##name] = km_kget(k, r->loaded, KM_M_loaded_vmcs_##name)
	KM_LOADED(host_cr3);
	KM_LOADED(host_cr4);
	KM_LOADED(host_fs_base);
	KM_LOADED(host_gs_base);
	KM_LOADED(host_rsp);
	KM_LOADED(pin_controls);
	KM_LOADED(exec_controls);
#undef KM_LOADED
	a[KM_VMCS_entry_controls] = km_kget(k, r->loaded, KM_M_loaded_vmcs_vm_entry_controls);
	a[KM_VMCS_exit_controls] = km_kget(k, r->loaded, KM_M_loaded_vmcs_vm_exit_controls);
	exec = a[KM_VMCS_exec_controls];
	secondary = km_kget(k, r->loaded, KM_M_loaded_vmcs_secondary_controls);
	km_vcpu_mmu_read(k, vcpu, &all);
	a[KM_VMCS_ept_pointer] = eptp(all.active);
	km_error_free(km_vmx_exit_read(k, vcpu, &exit));
	a[KM_VMCS_exit_reason] = exit.reason;
	a[KM_VMCS_exit_qualification] = exit.qualification;
	if (exec.v & CPU_BASED_USE_TSC_OFFSETTING)
		a[KM_VMCS_tsc_offset] = km_kget(k, vcpu->addr, KM_M_kvm_vcpu_tsc_offset);
	if (exec.v & CPU_BASED_USE_MSR_BITMAPS)
		a[KM_VMCS_msr_bitmap] =
			physical(k, km_kget(k, r->loaded, KM_M_loaded_vmcs_msr_bitmap));
	if (!(exec.v & CPU_BASED_ACTIVATE_SECONDARY_CONTROLS) || !km_is_known(secondary))
		return;
	a[KM_VMCS_secondary_controls] = secondary;
	if (secondary.v & SECONDARY_EXEC_ENABLE_PML)
		a[KM_VMCS_pml_address] = km_pml_buffer(k, vcpu);
	if (!(secondary.v & SECONDARY_EXEC_SHADOW_VMCS))
		a[KM_VMCS_vmcs_link_pointer] = km_known_val(UINT64_MAX);
}

static bool read_field(const struct reader *r, struct km_vmcs_page *page, unsigned at,
		       unsigned bytes, const char *label)
{
	km_scoped_error *err =
		km_read_virt_as(r->k->mem, r->page + at, page->bytes + at, bytes, label);

	return !err;
}

/* Read the fields of a layout with their labels, so that a capsule contains them. */
static bool read_fields(const struct reader *r, const struct km_vmcs_layout *layout,
			struct km_vmcs_page *page)
{
	bool ok = read_field(r, page, 0, 4, KM_REVISION);

	/* the linear address is the guest's and in no capsule */
#define KM_VMCS_READ(name, size)                                                                   \
	if (ok && layout->at.name && KM_VMCS_##name != KM_VMCS_guest_linear_address)               \
		ok = read_field(r, page, layout->at.name, size, "vmcs." #name);
	KM_VMCS_FIELDS(KM_VMCS_READ)
#undef KM_VMCS_READ
	return ok;
}

/* A capsule contains the fields of the layout that was found when it was made, if any. */
static bool read_saved(const struct reader *r, struct km_vmcs_page *page)
{
	size_t count;
	const struct km_vmcs_layout *layouts = km_vmcs_layouts(&count);

	page->no_linear = true;
	for (size_t i = 0; i < count; i++) {
		unsigned anchors;

		memset(page->bytes, 0, sizeof(page->bytes));
		if (read_fields(r, &layouts[i], page) && km_vmcs_find_layout(page, &anchors))
			return true;
	}
	return false;
}

static bool read_page(const struct km_kernel *k, const struct km_vcpu *vcpu,
		      struct km_vmcs_page *page)
{
	const struct km_vmcs_layout *layout;
	km_scoped_error *err = NULL;
	struct reader r;
	unsigned anchors;

	memset(page, 0, sizeof(*page));
	if (!find(k, vcpu, &r))
		return false;
	read_anchors(&r, vcpu, page);
	if (km_target_holds_ranges(km_memory_target(k->mem)))
		return read_saved(&r, page);
	err = km_read_virt(k->mem, r.page, page->bytes, sizeof(page->bytes));
	if (err)
		return false;
	layout = km_vmcs_find_layout(page, &anchors);
	if (layout)
		read_fields(&r, layout, page);
	return true;
}

/* The GPA of the EPT violation that the vCPU's thread is handling; KM_ABSENT: none, or not known.
 */
static km_error *handled_gpa(const struct km_kernel *k, const struct km_vm *vm,
			     const struct km_vcpu *vcpu, struct km_val *gpa)
{
	uint32_t size = km_layout_sizeof(k->layout, KM_T_kvm_page_fault);
	struct km_page_faults found;
	struct km_stack *stack = calloc(1, sizeof(*stack));
	km_error *err;

	*gpa = absent();
	if (!stack)
		return km_errorf(KM_ENOMEM, "out of memory");
	err = vcpu->task.v ? km_stack_read(k, vcpu->task.v, stack) : NULL;
	if (!err && stack->size)
		err = km_page_faults_find(k, vm, stack, &found);
	for (size_t i = 0; !err && stack->size && i < found.count; i++) {
		const struct km_frame *frame;
		struct km_page_fault pf;

		if (km_page_fault_age(stack, found.at[i], size, &frame) != KM_AGE_IN_HANDLER)
			continue;
		km_page_fault_read(k, found.at[i], &pf);
		if (!pf.prefetch.v && pf.is_tdp.v)
			*gpa = pf.addr;
	}
	km_stack_deinit(stack);
	free(stack);
	return err;
}

/* The pages of the VM's other vCPUs, behind that of @vcpu. */
static km_error *read_others(const struct km_kernel *k, const struct km_vm *vm,
			     const struct km_vcpu *vcpu, struct km_vmcs_page *pages, size_t *count)
{
	km_error *err = NULL;

	for (size_t i = 0; !err && i < vm->vcpu_count && *count < MAX_PAGES; i++) {
		struct km_vmcs_page *page = &pages[*count];

		if (vm->vcpus[i].addr == vcpu->addr || !read_page(k, &vm->vcpus[i], page))
			continue;
		err = handled_gpa(k, vm, &vm->vcpus[i],
				  &page->anchors[KM_VMCS_guest_physical_address]);
		++*count;
	}
	return err;
}

/* In an unknown layout, other pages and the memslots are needed. */
static km_error *calibrate(const struct km_kernel *k, const struct km_vm *vm,
			   const struct km_vcpu *vcpu, struct km_vmcs_page *pages,
			   struct km_vmcs_address *address)
{
	struct km_memslots slots;
	size_t count = 1;
	km_error *err = km_memslots_read(k, vm->addr, 0, &slots);

	if (err && km_error_code(err) == KM_EABSENT) {
		km_error_free(err);
		err = NULL;
	}
	if (!err)
		err = read_others(k, vm, vcpu, pages, &count);
	if (!err)
		*address = km_vmcs_find_address(pages, count, 0, &slots);
	km_memslots_deinit(&slots);
	return err;
}

static bool has_gpa(const struct km_vmcs_page *page)
{
	uint64_t reason = page->anchors[KM_VMCS_exit_reason].v;

	return reason == EXIT_REASON_EPT_VIOLATION || reason == EXIT_REASON_EPT_MISCONFIG;
}

static km_error *find_address(const struct km_kernel *k, const struct km_vm *vm,
			      const struct km_vcpu *vcpu, struct km_vmcs_address *address,
			      bool *current)
{
	struct km_vmcs_page *pages = calloc(MAX_PAGES, sizeof(*pages));
	km_error *err = NULL;
	unsigned anchors;

	if (!pages)
		return km_errorf(KM_ENOMEM, "out of memory");
	if (read_page(k, vcpu, &pages[0])) {
		*current = has_gpa(&pages[0]);
		if (km_vmcs_find_layout(&pages[0], &anchors) || !*current)
			*address = km_vmcs_find_address(pages, 1, 0, NULL);
		else
			err = calibrate(k, vm, vcpu, pages, address);
	}
	free(pages);
	return err;
}

km_error *km_vmcs_read_address(const struct km_kernel *k, const struct km_vm *vm,
			       const struct km_vcpu *vcpu, struct km_vmcs_address *address,
			       bool *current)
{
	/* do not report what capsules of earlier versions do not contain */
	bool quiet = km_target_info(km_memory_target(k->mem)) && !km_memory_recorder(k->mem);
	bool before = km_memory_try(k->mem, true);
	km_error *err;

	km_memory_try(k->mem, before || quiet);
	*address = (struct km_vmcs_address){.how = KM_VMCS_NOT_FOUND,
					    .linear = absent(),
					    .qualification = absent(),
					    .why = "the VMCS page is not readable"};
	*current = false;
	err = find_address(k, vm, vcpu, address, current);
	km_memory_try(k->mem, before);
	return err;
}
