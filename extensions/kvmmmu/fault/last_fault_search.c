// SPDX-License-Identifier: GPL-2.0-or-later
#include "fault/last_fault_search.h"

#include <inttypes.h>
#include <string.h>

#define REGS_AVAIL_RIP KM_BIT(16)

struct km_fault *km_fault_add(struct km_fault_search *search, enum km_fault_source source,
			      enum km_fault_age age)
{
	struct km_last_fault *last = search->last;
	struct km_fault *f = &last->faults[last->count];

	if (last->count == KM_FAULTS)
		return NULL;
	last->count++;
	memset(f, 0, sizeof(*f));
	f->source = source;
	f->age = age;
	f->addr = f->error_code = (struct km_val){.known = KM_ABSENT};
	f->certainty = KM_PROVEN;
	return f;
}

/* Compare the handler's fault with that of the last exit. */
static void compare(struct km_last_fault *last)
{
	const struct km_fault *stack = &last->faults[0], *exit = &last->faults[1];
	/* 6.1 keeps only this half; KVM may change U */
	uint64_t mask = UINT32_MAX & ~PFERR_USER_MASK;

	if (last->count < 2 || stack->source != KM_FAULT_STACK || stack->age != KM_AGE_IN_HANDLER ||
	    stack->pf.prefetch.v || (exit->source != KM_FAULT_VMCB && exit->source != KM_FAULT_VMX))
		return;
	if (km_is_known(exit->addr) && exit->addr.v != stack->addr.v)
		KM_PRINT(last->disagreement,
			 "the address in the handler is 0x%" PRIx64 ", in the last exit 0x%" PRIx64,
			 stack->addr.v, exit->addr.v);
	else if (km_is_known(exit->error_code) &&
		 (exit->error_code.v & mask) != (stack->error_code.v & mask))
		KM_PRINT(last->disagreement,
			 "the error code in the handler is 0x%" PRIx64
			 ", in the last exit 0x%" PRIx64,
			 stack->error_code.v, exit->error_code.v);
}

void km_last_fault_deinit(struct km_last_fault *last)
{
	km_stack_deinit(&last->stack);
}

km_error *km_last_fault_find(const struct km_kernel *k, const struct km_vm *vm,
			     const struct km_vcpu *vcpu, const struct km_vcpu_mmu *all,
			     struct km_last_fault *last)
{
	struct km_fault_search search = {
		.k = k,
		.vm = vm,
		.vcpu = vcpu,
		.all = all,
		.last = last,
		.only_vmcb = km_target_lacks_stacks(km_memory_target(k->mem)),
	};
	km_error *err;

	memset(last, 0, sizeof(*last));
	last->exit_code = (struct km_val){.known = KM_ABSENT};
	last->rip = vcpu->rip;
	if (k->vendor == KM_VENDOR_INTEL && !(vcpu->regs_avail.v & REGS_AVAIL_RIP))
		last->rip = (struct km_val){.known = KM_ABSENT};
	err = search.only_vmcb ? NULL : km_faults_read_stack(&search);
	if (err)
		return err;
	km_faults_add_stack(&search, KM_AGE_IN_HANDLER);
	if (k->vendor != KM_VENDOR_INTEL)
		km_faults_add_svm(&search);
	else if (!search.only_vmcb)
		err = km_faults_add_vmx(&search);
	if (err)
		return err;
	compare(last);
	km_faults_add_stack(&search, KM_AGE_UNKNOWN);
	if (!search.only_vmcb) {
		km_faults_add_run(&search);
		km_faults_add_hints(&search);
	}
	km_faults_add_earlier(&search);
	km_faults_add_stack(&search, KM_AGE_RESIDUE);
	if (last->count)
		last->none[0] = '\0';
	return NULL;
}
