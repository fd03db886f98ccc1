// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The vCPU uses a root that KVM has declared obsolete: is_page_fault_stale() retries every fault on
 * it. Code that makes a root obsolete also makes KVM_REQ_MMU_FREE_OBSOLETE_ROOTS while it holds
 * mmu_lock, and the vCPU's thread replaces the root before it enters the guest. Two things can go
 * wrong: the request is missing, or the thread does not check it.
 */
#include "diagnose/diagnose_rules.h"
#include "diagnose/evidence.h"

#include <inttypes.h>

/* is_obsolete_sp(). False also where that is not known. */
static bool is_obsolete(const struct km_vm *vm, const struct km_mmu_page *sp)
{
	if (!sp->known || !sp->addr || !sp->role_known)
		return false;
	if (sp->role.invalid)
		return true;
	return km_is_known(sp->tdp_mmu_page) && !sp->tdp_mmu_page.v &&
	       km_is_known(sp->mmu_valid_gen) && km_is_known(vm->mmu_valid_gen) &&
	       sp->mmu_valid_gen.v != vm->mmu_valid_gen.v;
}

/*
 * Can the thread be between taking the request and freeing the roots? vcpu_enter_guest(), where
 * that is, may be inlined into KVM_RUN: a thread that is there, and in nothing that it calls later,
 * may be.
 */
static bool may_be_freeing(const struct km_case *c)
{
	static const char *const functions[] = {
		"kvm_mmu_free_obsolete_roots",
		"vcpu_enter_guest",
		"vcpu_run",
		"kvm_arch_vcpu_ioctl_run",
		NULL,
	};
	static const char *const later[] = {
		"svm_vcpu_run", "svm_handle_exit", "vmx_vcpu_run", "vmx_handle_exit", NULL,
	};

	if (km_case_in_handler(c) || km_vcpu_in_guest(c->vcpu) || c->wait.kind != KM_WAIT_NONE)
		return false;
	return !c->last.has_stack || !c->last.stack.count ||
	       c->last.stack.start == KM_STACK_UNKNOWN ||
	       (km_case_in_any(c, functions) && !km_case_in_any(c, later));
}

/* Under shadow paging the handler itself holds mmu_lock for writing: stacks show more than the
 * lock.
 */
static bool nobody_zaps(const struct km_case *c)
{
	static const char *const zappers[] = {
		"kvm_set_memslot",
		"kvm_arch_flush_shadow_memslot",
		"kvm_arch_flush_shadow_all",
		"kvm_mmu_zap_all",
		"kvm_mmu_zap_all_fast",
		"kvm_zap_obsolete_pages",
		"kvm_mmu_zap_oldest_mmu_pages",
		"__kvm_mmu_prepare_zap_page",
		"kvm_mmu_commit_zap_page",
		"kvm_tdp_mmu_invalidate_all_roots",
		"kvm_tdp_mmu_invalidate_roots",
		NULL,
	};
	const char *function;

	return km_is_known(c->vm->mm) && km_stacks_known(km_case_tasks(c), c->vm->mm.v) &&
	       !km_task_in_any(km_case_tasks(c), 0, zappers, &function);
}

/* No request to drop the root is pending. */
static void judge_missing_request(const struct km_case *c, const struct km_vm_locks *locks,
				  struct km_diagnosis *d)
{
	d->stuck = true;
	if (!km_is_known(locks->mmu_lock)) {
		d->certainty = KM_LIKELY;
		km_leaves_open(d, "whether a zap is in progress: mmu_lock is not readable");
	} else if (km_mmu_lock_written(locks) && !nobody_zaps(c)) {
		d->certainty = KM_POSSIBLE;
		km_leaves_open(
			d, "whether the request is still to come: mmu_lock is held for writing");
	} else if (km_mmu_lock_written(locks)) {
		d->certainty = KM_LIKELY;
		km_evidence(d, "mmu_lock is held for writing, but no task was found that zaps page "
			       "tables");
	} else if (may_be_freeing(c)) {
		d->certainty = KM_LIKELY;
		km_leaves_open(
			d, "whether the thread is replacing the root: its stack does not show it");
	} else {
		d->certainty = KM_PROVEN;
	}
	km_verdict_says(d, "the root in use is obsolete, and no request to replace it is pending: "
			   "KVM retries every fault endlessly");
	if (!km_case_has_fault(c) && km_case_exit_evidence(c) == KM_SHOWS_INSTRUCTION) {
		d->stuck = false;
		km_verdict_says(d, "the root in use is obsolete, and no request to replace it is "
				   "pending: if the vCPU takes a fault, KVM will retry it "
				   "endlessly");
		km_leaves_open(d, "whether the vCPU takes faults: its last exit was not a fault, "
				  "so the guest executed an instruction");
	}
}

/* The loop of KVM_PRE_FAULT_MEMORY does not check requests, regardless of the fault. */
static void judge_prefault(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_stack *stack = &c->last.stack;

	d->stuck = true;
	d->known |= KM_BIT(KM_WHEN_PREFAULT);
	d->certainty =
		km_case_in_handler(c) || stack->start != KM_STACK_UNKNOWN ? KM_LIKELY : KM_POSSIBLE;
	if (d->certainty < KM_LIKELY)
		km_leaves_open(
			d, "whether the thread is still in the loop: its stack was only scanned");
	km_verdict_says(d, "KVM_PRE_FAULT_MEMORY loops in the kernel on an obsolete root: only the "
			   "looping thread can replace the root, and the loop does not do so");
	km_evidence(d, "its thread is in the loop of KVM_PRE_FAULT_MEMORY, which retries until a "
		       "signal is pending");
}

bool km_rule_obsolete_root(const struct km_case *c, const struct km_vm_locks *locks,
			   struct km_diagnosis *d)
{
	const struct km_mmu *mmu = c->all.active;
	struct km_val requests = c->vcpu->requests;
	struct km_request request = km_request_to_free_roots(&c->kernel->features);
	bool pending = requests.v & request.bits;

	if (c->kernel->features.ignores_obsolete || !mmu || !is_obsolete(c->vm, &c->root) ||
	    !km_is_known(requests))
		return false;
	if (km_case_in_prefault(c))
		judge_prefault(c, d);
	else if (!pending)
		judge_missing_request(c, locks, d);
	else
		return false; /* it is replaced before the guest is entered */
	if (c->root.role.invalid)
		km_evidence(d,
			    "%s.root 0x%" PRIx64 ": its kvm_mmu_page 0x%" PRIx64
			    " has role.invalid set (role %08" PRIx32 ")",
			    mmu->name, mmu->root.hpa.v, c->root.addr, c->root.role.word);
	else
		km_evidence(d,
			    "%s.root 0x%" PRIx64 ": its kvm_mmu_page 0x%" PRIx64
			    " has mmu_valid_gen %" PRIu64 ", the VM %" PRIu64,
			    mmu->name, mmu->root.hpa.v, c->root.addr, c->root.mmu_valid_gen.v,
			    c->vm->mmu_valid_gen.v);
	km_evidence(d, "vcpu.requests 0x%" PRIx64 ": %s is %spending", requests.v, request.name,
		    pending ? "" : "not ");
	if (d->certainty == KM_PROVEN)
		km_evidence(d,
			    "mmu_lock is not held for writing (0x%" PRIx64
			    "): no zap is in progress",
			    locks->mmu_lock.v);
	return true;
}

bool km_diagnose_obsolete_root(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_mmu *mmu = c->all.active;
	struct km_vm_locks locks;

	if (!mmu || !km_is_known(mmu->root.hpa) || !km_valid_page(mmu->root.hpa.v) ||
	    km_is_dummy_root(c->kernel, mmu->root.hpa.v))
		return false;
	/* Read also if the root is valid: a capsule contains them then, and its check expects that.
	 */
	locks = km_vm_locks_read(c->kernel, c->vm);
	return is_obsolete(c->vm, &c->root) && km_rule_obsolete_root(c, &locks, d);
}
