// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnose/diagnose_rules.h"

#include "kernel/more_evidence.h"

#include "diagnose/counters.h"
#include "diagnose/evidence.h"
#include "kernel/task_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* arch/x86/include/uapi/asm/processor-flags.h */
#define X86_CR4_SMEP KM_BIT(20)
#define X86_CR4_SMAP KM_BIT(21)

enum km_unprotect km_unprotect_style(const struct km_kernel *k)
{
	uint64_t addr;

	if (km_kernel_symbol(k, "__kvm_mmu_unprotect_gfn_and_retry", &addr))
		return KM_UNPROTECT_IF_DONE;
	if (km_kernel_symbol(k, "kvm_mmu_unprotect_page", &addr))
		return KM_UNPROTECT_ALWAYS;
	return KM_UNPROTECT_UNKNOWN;
}

bool km_is_write_to_guest_page_table(const struct km_case *c)
{
	const uint64_t mask = PFERR_GUEST_PAGE_MASK | PFERR_WRITE_MASK | PFERR_PRESENT_MASK;

	return c->mmu && c->mmu->root_role.direct && c->has_error_code &&
	       (c->error_code & mask) == mask;
}

char *km_task_spell(const struct km_task *task, char *buf, size_t size)
{
	if (km_is_known(task->tid))
		snprintf(buf, size, "%s%stid %" PRIu64, task->comm, task->comm[0] ? " " : "",
			 task->tid.v);
	else
		snprintf(buf, size, "task 0x%" PRIx64, task->addr);
	return buf;
}

bool km_task_sleeps(const struct km_task *task)
{
	/* under PREEMPT_RT it sleeps where other kernels spin, and not for longer */
	return km_is_known(task->state) && task->state.v && !(task->state.v & TASK_RTLOCK_WAIT) &&
	       km_is_known(task->on_cpu) && !task->on_cpu.v;
}

const char *km_task_function(const struct km_stack *stack)
{
	for (size_t i = 0; i < stack->count; i++) {
		const char *name = stack->frames[i].function;

		if (name[0] && !strstr(name, "schedule") && strcmp(name, "__switch_to_asm"))
			return name;
	}
	return "?";
}

/* Is the stack in one of @functions, which end with NULL? */
static bool in_any(const struct km_stack *stack, const char *const *functions)
{
	while (*functions && !km_stack_in(stack, *functions))
		functions++;
	return *functions;
}

bool km_case_in(const struct km_case *c, const char *function)
{
	return c->last.has_stack && km_stack_in(&c->last.stack, function);
}

bool km_case_in_any(const struct km_case *c, const char *const *functions)
{
	return c->last.has_stack && in_any(&c->last.stack, functions);
}

bool km_case_in_prefault(const struct km_case *c)
{
	return km_case_in(c, "kvm_arch_vcpu_pre_fault_memory") ||
	       km_case_in(c, "kvm_tdp_page_prefault") || km_case_in(c, "kvm_tdp_map_page");
}

bool km_tables_being_filled(const struct km_case *c)
{
	static const char *const functions[] = {
		"kvm_init_mmu",
		"kvm_mmu_reset_context",
		"init_kvm_tdp_mmu",
		"init_kvm_softmmu",
		"init_kvm_nested_mmu",
		"init_kvm_page_walk",
		"kvm_init_shadow_npt_mmu",
		"kvm_init_shadow_ept_mmu",
		"shadow_mmu_init_context",
		"update_permission_bitmask",
		"update_spte_permission_bitmask",
		"reset_guest_paging_metadata",
		"__kvm_mmu_refresh_passthrough_bits",
		NULL,
	};

	return km_case_in_any(c, functions);
}

bool km_case_is_write(const struct km_case *c)
{
	return c->has_error_code && (c->error_code & PFERR_WRITE_MASK);
}

/* Is it being handled, or the last one of many that ended as @how says? */
static bool comes_again(const struct km_case *c, enum km_fault_balance how)
{
	return km_case_in_handler(c) || (km_case_is_current(c) && km_nearly_all_faults(c, how));
}

void km_rests_on_counts(const struct km_case *c, enum km_fault_balance how, struct km_diagnosis *d)
{
	bool all =
		km_case_exit_evidence(c) == KM_SHOWS_ASYNCHRONOUS && km_nearly_all_faults(c, how);

	d->stuck = true;
	d->by_counts = true;
	km_at_most(&d->certainty, all ? KM_LIKELY : KM_POSSIBLE);
}

enum km_certainty km_error_certainty(const struct km_case *c)
{
	return comes_again(c, KM_BALANCE_RETRIED) ? KM_LIKELY : KM_POSSIBLE;
}

enum km_certainty km_failure_certainty(const struct km_case *c, const struct km_emulation_facts *f)
{
	bool returns = km_is_known(f->exit_reason) && f->exit_reason.v == KVM_EXIT_INTERNAL_ERROR;

	/* a new KVM_RUN resets exit_reason */
	returns |= km_is_known(f->cpl) && !f->cpl.v && c->mmu && !c->mmu->root_role.guest_mode;
	return km_case_in_handler(c) || (returns && comes_again(c, KM_BALANCE_FAILED))
		       ? KM_LIKELY
		       : KM_POSSIBLE;
}

static struct km_val exit_reason(const struct km_case *c)
{
	struct km_val run = km_more_evidence(c->kernel, c->vcpu->addr, KM_M_kvm_vcpu_run);

	return km_is_known(run) && run.v
		       ? km_more_evidence(c->kernel, run.v, KM_M_kvm_run_exit_reason)
		       : run;
}

struct km_private_facts km_private_facts_read(const struct km_case *c)
{
	return (struct km_private_facts){
		.attributes = km_gfn_attributes(c->kernel, c->vm, c->gfn),
		.exit_reason = exit_reason(c),
	};
}

/*
 * Was the exit in the middle of the delivery of an event? AMD: the VMCB keeps that with the exit
 * code. Intel: a pending reinjection shows it, but only until KVM injects something new, so only
 * while it handles the fault.
 */
static void read_event(const struct km_case *c, const struct km_vmcb *vmcb, bool has_vmcb,
		       struct km_emulation_facts *f)
{
	static const enum km_member_id injected[] = {KM_M_kvm_vcpu_exception_injected,
						     KM_M_kvm_vcpu_interrupt_injected,
						     KM_M_kvm_vcpu_nmi_injected};

	f->event.known = KM_UNREADABLE;
	/* what the last exit left is not that of an older fault, or of one that the user supplied
	 */
	if (!c->fault || !km_fault_is_current(c->fault))
		return;
	if (has_vmcb) {
		struct km_val info = km_kget(c->kernel, vmcb->addr, KM_M_vmcb_exit_int_info);

		f->insn_len = km_kget(c->kernel, vmcb->addr, KM_M_vmcb_insn_len);
		if (km_is_known(info))
			f->event = km_known_val(info.v >> 31 & 1); /* SVM_EXITINTINFO_VALID */
		return;
	}
	for (size_t i = 0; km_case_in_handler(c) && i < sizeof(injected) / sizeof(injected[0]);
	     i++) {
		struct km_val val = km_kget(c->kernel, c->vcpu->addr, injected[i]);

		if (!km_is_known(val)) {
			f->event = val;
			return;
		}
		f->event = km_known_val(f->event.v | val.v);
	}
}

struct km_emulation_facts km_emulation_facts_read(const struct km_case *c)
{
	struct km_emulation_facts f = {
		.sev = km_vm_sev(c->kernel, c->vm),
		.unprotect = km_unprotect_style(c->kernel),
		.insn_len = {.known = KM_ABSENT},
		.write_track = {.known = KM_UNREADABLE},
		.exit_reason = exit_reason(c),
		.retry_eip = km_kget(c->kernel, c->vcpu->addr, KM_M_kvm_vcpu_last_retry_eip),
		.retry_addr = km_kget(c->kernel, c->vcpu->addr, KM_M_kvm_vcpu_last_retry_addr),
	};
	struct km_vmcb vmcb;
	km_scoped_error *err = km_vmcb_read(c->kernel, c->vcpu, &vmcb);

	f.cpl = err || !km_case_is_current(c) ? (struct km_val){.known = KM_ABSENT} : vmcb.cpl;
	read_event(c, &vmcb, !err, &f);
	if (c->gfn_known)
		f.shadow = km_gfn_shadow_pages(c->kernel, c->vm, c->gfn);
	if (c->gfn_known && c->slot)
		f.write_track =
			km_gfn_write_track(c->kernel, c->vm, c->slots.as_id, c->slot, c->gfn);
	return f;
}

enum km_sev_without_bytes km_sev_without_bytes(const struct km_case *c,
					       const struct km_emulation_facts *f)
{
	struct km_val cr4 = c->vcpu->cr4;

	if (c->has_error_code && (c->error_code & (PFERR_GUEST_PAGE_MASK | PFERR_FETCH_MASK)))
		return KM_SEV_LOOPS;
	if (!km_is_known(cr4) || !c->has_error_code)
		return KM_SEV_OPEN;
	if (!(cr4.v & X86_CR4_SMAP))
		return KM_SEV_LOOPS;
	if (!(cr4.v & X86_CR4_SMEP))
		return KM_SEV_INJECTS;
	if (!km_is_known(f->cpl))
		return KM_SEV_OPEN;
	return f->cpl.v == 3 ? KM_SEV_INJECTS : KM_SEV_LOOPS;
}

void km_evidence_emulation(const struct km_case *c, const struct km_emulation_facts *f,
			   struct km_diagnosis *d)
{
	if (km_emulator_fails(c))
		km_evidence(d,
			    "stat.insn_emulation %" PRIu64 ", insn_emulation_fail %" PRIu64
			    ": KVM does not know the instruction, or cannot fetch it",
			    c->insn_emulation.v, c->insn_emulation_fail.v);
	if (km_is_known(f->exit_reason) && f->exit_reason.v == KVM_EXIT_INTERNAL_ERROR)
		km_evidence(d, "kvm_run.exit_reason is KVM_EXIT_INTERNAL_ERROR: the VMM was "
			       "notified");
}

struct km_invalidate_facts km_invalidate_facts_read(const struct km_case *c)
{
	struct km_invalidate_facts f = {
		.unit = km_invalidate_range_unit(c->kernel),
		.locks = km_vm_locks_read(c->kernel, c->vm),
	};

	if (!km_is_known(c->vm->mm) || !c->vm->mm.v)
		return f;
	f.task = km_invalidating_task(km_case_tasks(c), c->vm->mm.v, &f.function);
	if (!f.task)
		f.task = km_zapping_task(km_case_tasks(c), &f.function);
	f.stacks_known = km_stacks_known(km_case_tasks(c), c->vm->mm.v);
	return f;
}

bool km_case_meets_invalidation(const struct km_case *c)
{
	if (!c->has_path || c->path.ret == KM_RET_PF_UNKNOWN)
		return true;
	for (size_t i = 0; i < c->path.count; i++) {
		if (!strcmp(c->path.steps[i].id, "invalidation"))
			return true;
	}
	return false;
}

enum km_covers km_invalidate_covers_case(const struct km_case *c,
					 const struct km_invalidate_facts *f)
{
	struct km_val unknown = {.known = KM_UNREADABLE};

	return km_invalidate_covers(f->unit, c->vm, c->gfn_known ? km_known_val(c->gfn) : unknown,
				    c->has_hva ? km_known_val(c->hva) : unknown);
}

bool km_invalidate_covers_all(const struct km_case *c, const struct km_invalidate_facts *f)
{
	for (size_t i = 0; i < c->slots.count; i++) {
		const struct km_memslot *slot = &c->slots.slots[i];
		uint64_t last = slot->npages - 1;
		struct km_val gfn = km_known_val(slot->base_gfn);
		struct km_val hva = km_known_val(slot->userspace_addr);

		if (km_invalidate_covers(f->unit, c->vm, gfn, hva) != KM_COVERS)
			return false;
		gfn.v += last;
		hva.v += last << KM_PAGE_SHIFT;
		if (km_invalidate_covers(f->unit, c->vm, gfn, hva) != KM_COVERS)
			return false;
	}
	return c->slots_known && c->slots.count;
}

void km_evidence_page(const struct km_case *c, enum km_range_unit unit, struct km_diagnosis *d)
{
	if (unit == KM_RANGE_HVA && c->has_hva)
		km_evidence(d, "the fault's page is at HVA 0x%" PRIx64, c->hva);
	else if (unit == KM_RANGE_GFN && c->gfn_known)
		km_evidence(d, "the fault's gfn is 0x%" PRIx64, c->gfn);
}

/*
 * Did the guest get past its faults? It has nothing to run, or an exit of an instruction is with
 * the VMM, outside KVM.
 */
static bool is_past_its_faults(const struct km_case *c)
{
	const struct km_stack *stack = &c->last.stack;

	if (km_case_halted(c))
		return true;
	return c->last.has_stack && stack->count && !km_stack_may_lack_outer(stack) &&
	       !km_stack_in(stack, "kvm_vcpu_ioctl") &&
	       km_case_exit_evidence(c) == KM_SHOWS_INSTRUCTION;
}

void km_slot_conflict_read(const struct km_case *c, struct km_slot_conflict *conflict)
{
	memset(conflict, 0, sizeof(*conflict));
	if (!km_case_has_fault(c) && km_case_counts(c).balance == KM_BALANCE_RETRIED &&
	    !is_past_its_faults(c))
		km_slot_conflict_find(c, conflict);
}

void km_conflict_says(const struct km_case *c, const struct km_slot_conflict *conflict,
		      const char *does, struct km_diagnosis *d)
{
	const struct km_memslot *slot = conflict->slot;
	uint64_t pages = (conflict->hva - slot->userspace_addr) >> KM_PAGE_SHIFT;
	char vma[160];

	/* no more: such a mapping is not an error, and the VMM may handle what KVM_RUN returns */
	d->certainty = KM_POSSIBLE;
	km_rests_on_counts(c, KM_BALANCE_RETRIED, d);
	km_verdict_says(d, "most faults of this vCPU were not resolved, and the VMM %s", does);
	km_evidence(d, "memslot %" PRId64 " (not read-only), gfn 0x%" PRIx64 ", HVA 0x%" PRIx64,
		    slot->id, slot->base_gfn + pages, conflict->hva);
	if (conflict->vma.addr)
		km_evidence(d, "%s: no VM_WRITE", km_vma_spell(&conflict->vma, vma, sizeof(vma)));
	else
		km_evidence(d, "HVA 0x%" PRIx64 " is in no VMA", conflict->hva);
	km_evidence_counters(c, d);
	km_leaves_open(d, "whether this vCPU accesses it: its last fault is not known");
}
