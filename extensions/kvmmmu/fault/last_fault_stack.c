// SPDX-License-Identifier: GPL-2.0-or-later
/* Faults in a struct kvm_page_fault on the stack of the vCPU's thread. */
#include "fault/last_fault_search.h"

#include "threads/stack_read.h"

#include <inttypes.h>

/* Why a fault that may be a current one is not certain to be. */
static const char *doubt(const struct km_stack *stack, const struct km_page_fault *pf)
{
	if (km_page_fault_half_written(pf))
		return "address 0 and no memslot: the structure may be only partly written";
	if (stack->start == KM_STACK_UNKNOWN)
		return "it is not known where the active part of the stack begins: the fault may "
		       "have been handled already";
	return "no handler is active below it on the stack: it has not been passed to one yet, or "
	       "it has been handled already";
}

/* What is left of a fault that has been handled. */
static void say_residue(struct km_fault *f)
{
	char spte[64] = "", seq[48] = "";

	if (f->place.level)
		KM_PRINT(spte, "; KVM found SPTE 0x%" PRIx64 " at level %u", f->place.old_spte,
			 f->place.level);
	if (km_is_known(f->invalidations_since))
		KM_PRINT(seq, "; %" PRIu64 " invalidations since", f->invalidations_since.v);
	KM_PRINT(f->limits, "left over from an earlier fault, which has been handled%s%s%s",
		 f->place.chain		 ? "; its frame and those above are intact"
		 : f->place.handler_slot ? "; its frame is intact"
					 : "",
		 seq, spte);
}

/* The distance is the same for all faults of a kernel that are handled below KVM_RUN. */
static uint64_t below_run(const struct km_stack *stack, uint64_t at)
{
	const struct km_frame *run = km_stack_in(stack, "kvm_arch_vcpu_ioctl_run");

	return run && run->sure && run->sp > at ? run->sp - at : 0;
}

static struct km_val invalidations_since(const struct km_vm *vm, const struct km_page_fault *pf)
{
	/* 0: a fault that ended before kvm_mmu_faultin_pfn() set it, as in the fast path */
	if (!km_is_known(vm->mmu_invalidate_seq) || !km_is_known(pf->mmu_seq) || !pf->mmu_seq.v)
		return (struct km_val){.known = KM_ABSENT};
	return km_known_val(vm->mmu_invalidate_seq.v - pf->mmu_seq.v);
}

static void say_limits(const struct km_fault_search *search, struct km_fault *f)
{
	const struct km_kernel *k = search->k;
	bool truncated =
		k->features.acc == KM_ACC_UWX && !km_has(k->layout, KM_M_kvm_page_fault_is_private);

	if (f->age == KM_AGE_RESIDUE)
		say_residue(f);
	else if (f->age == KM_AGE_UNKNOWN)
		KM_PRINT(f->limits, "%s", doubt(&search->last->stack, &f->pf));
	else if (f->pf.async_ready)
		KM_PRINT(f->limits, "the guest does not take this fault now: the page of an "
				    "earlier fault is ready (async page fault), and KVM maps it");
	else if (f->pf.prefetch.v)
		KM_PRINT(f->limits, "not a fault of the guest: KVM maps the page in advance "
				    "(KVM_PRE_FAULT_MEMORY)");
	else if (truncated && f->pf.error_code.v <= UINT32_MAX)
		KM_PRINT(f->limits, "this kernel keeps only the lower half of the error code");
}

static void add(struct km_fault_search *search, size_t i, enum km_fault_age age,
		const struct km_frame *frame)
{
	uint64_t at = search->on_stack.at[i];
	struct km_fault *f = km_fault_add(search, KM_FAULT_STACK, age);

	if (!f)
		return;
	km_page_fault_read(search->k, at, &f->pf);
	if (age == KM_AGE_IN_HANDLER && !km_page_fault_is_plausible(search->k, search->vm, &f->pf))
		km_contradict(&search->last->contradictions,
			      "the members of struct kvm_page_fault at 0x%" PRIx64
			      " contradict each other",
			      at);
	f->addr = f->pf.addr;
	f->error_code = f->pf.error_code;
	f->mmu = km_page_fault_mmu(search->all, &f->pf, age, search->k->features.tdp);
	f->pf.async_ready =
		f->pf.prefetch.v && km_stack_in(&search->last->stack, "kvm_arch_async_page_ready");
	f->place = search->on_stack.places[i];
	f->invalidations_since = invalidations_since(search->vm, &f->pf);
	f->below_run = below_run(&search->last->stack, at);
	if (frame)
		KM_PRINT(f->from, "struct kvm_page_fault at 0x%" PRIx64 " in the frame of %.60s()",
			 at, frame->function);
	else
		KM_PRINT(f->from, "struct kvm_page_fault at 0x%" PRIx64 " on the thread's stack",
			 at);
	say_limits(search, f);
}

void km_faults_add_stack(struct km_fault_search *search, enum km_fault_age wanted)
{
	const struct km_stack *stack = &search->last->stack;
	uint32_t size = km_layout_sizeof(search->k->layout, KM_T_kvm_page_fault);

	for (size_t i = search->on_stack.count; i-- > 0;) {
		uint64_t at = search->on_stack.at[i];
		const struct km_frame *frame;
		enum km_fault_age age = km_page_fault_age(stack, at, size, &frame);

		/* a vCPU in the guest is not handling a fault */
		if (stack->start == KM_STACK_UNKNOWN && km_vcpu_in_guest(search->vcpu))
			age = KM_AGE_RESIDUE;
		if (age == wanted)
			add(search, i, age, frame);
	}
}

/* Do frames show the thread inside the handler of a fault of the guest? @sure: unwound ones. */
static bool is_handling(const struct km_stack *stack, bool sure)
{
	static const char *const functions[] = {"kvm_mmu_page_fault", "kvm_handle_page_fault",
						"npf_interception", "pf_interception",
						"handle_ept_violation"};

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		const struct km_frame *f = km_stack_in(stack, functions[i]);

		if (f && (f->sure || !sure))
			return true;
	}
	return false;
}

km_error *km_faults_read_stack(struct km_fault_search *search)
{
	struct km_last_fault *last = search->last;
	struct km_val owner = km_vcpu_in_ioctl(search->k, search->vcpu->addr);
	/* the thread in an ioctl on the vCPU now, else the one that ran it last */
	uint64_t thread = owner.v ? owner.v : search->vcpu->task.v;
	km_error *err;

	if (!thread)
		return NULL;
	err = km_stack_read(search->k, thread, &last->stack);
	if (err)
		return err;
	last->has_stack = true;
	search->handling = last->handling = is_handling(&last->stack, true);
	last->maybe_handling =
		is_handling(&last->stack, false) && last->stack.start != KM_STACK_UNKNOWN;
	return km_page_faults_find(search->k, search->vm, &last->stack, &search->on_stack);
}
