// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnose/evidence.h"

#include "diagnose/counters.h"
#include "kvm/svm.h"
#include "kvm/vmx.h"
#include "rules/exits.h"
#include "threads/invalidation.h"

/*
 * The handler's struct kvm_page_fault lies at most this many bytes below the frame of KVM_RUN:
 * between them are the frames of the vendor's exit handler and of kvm_mmu_page_fault().
 */
#define HANDLER_DEPTH 0x400

/* What two error codes of one fault have in common, whoever reports them. */
#define ACCESS_BITS (PFERR_PRESENT_MASK | PFERR_WRITE_MASK | PFERR_FETCH_MASK | PFERR_RSVD_MASK)

/* EXIT_REASON_*, arch/x86/include/uapi/asm/vmx.h */
enum {
	REASON_EXTERNAL_INTERRUPT = 1,
	REASON_TRIPLE_FAULT = 2,
	REASON_INIT_SIGNAL = 3,
	REASON_SIPI_SIGNAL = 4,
	REASON_OTHER_SMI = 6,
	REASON_INTERRUPT_WINDOW = 7,
	REASON_NMI_WINDOW = 8,
	REASON_HLT = 12,
	REASON_INVALID_STATE = 33,
	REASON_MSR_LOAD_FAIL = 34,
	REASON_MONITOR_TRAP_FLAG = 37,
	REASON_MCE_DURING_VMENTRY = 41,
	REASON_TPR_BELOW_THRESHOLD = 43,
	REASON_PREEMPTION_TIMER = 52,
	REASON_PML_FULL = 62,
	REASON_NOTIFY = 75,
};

/* SVM_EXIT_*, arch/x86/include/uapi/asm/svm.h */
enum {
	EXIT_EXCP_MC = 0x40 + 18,
	EXIT_INTR = 0x60,
	EXIT_VINTR = 0x64,
	EXIT_HLT = 0x78,
	EXIT_SHUTDOWN = 0x7f,
	EXIT_IDLE_HLT = 0xa6,
	EXIT_LAST = 0x403,
};

static enum km_exit_evidence svm_exit_evidence(enum km_paging paging, uint64_t code)
{
	if (km_svm_exit_kind(paging, code) != KM_EXIT_OTHER)
		return KM_SHOWS_FAULT;
	if ((code >= EXIT_INTR && code <= EXIT_VINTR) || code == EXIT_EXCP_MC)
		return KM_SHOWS_ASYNCHRONOUS;
	return code <= EXIT_LAST && code != EXIT_SHUTDOWN ? KM_SHOWS_INSTRUCTION : KM_SHOWS_UNKNOWN;
}

static enum km_exit_evidence vmx_exit_evidence(enum km_paging paging, uint64_t reason)
{
	switch (km_vmx_exit_kind(paging, reason, NULL)) {
	case KM_EXIT_NPF:
	case KM_EXIT_PF:
	case KM_EXIT_EPT_VIOLATION:
	case KM_EXIT_EPT_MISCONFIG:
	case KM_EXIT_EXCEPTION_NMI: /* the vector is not always cached */
		return KM_SHOWS_FAULT;
	case KM_EXIT_OTHER:
		break;
	}
	switch (reason) {
	case EXIT_REASON_EXCEPTION_NMI:
	case REASON_EXTERNAL_INTERRUPT:
	case REASON_INIT_SIGNAL:
	case REASON_SIPI_SIGNAL:
	case REASON_OTHER_SMI:
	case REASON_INTERRUPT_WINDOW:
	case REASON_NMI_WINDOW:
	case REASON_MONITOR_TRAP_FLAG:	 /* also after the injection of an event */
	case REASON_TPR_BELOW_THRESHOLD: /* also right after VM entry */
	case REASON_PREEMPTION_TIMER:
	case REASON_PML_FULL:
		return KM_SHOWS_ASYNCHRONOUS;
	case EXIT_REASON_EPT_VIOLATION: /* not under shadow paging */
	case EXIT_REASON_EPT_MISCONFIG:
	case REASON_TRIPLE_FAULT:
	case REASON_INVALID_STATE:
	case REASON_MSR_LOAD_FAIL:
	case REASON_MCE_DURING_VMENTRY:
	case REASON_NOTIFY: /* an event whose delivery never ends */
		return KM_SHOWS_UNKNOWN;
	default:
		return KM_SHOWS_INSTRUCTION;
	}
}

enum km_exit_evidence km_exit_evidence(enum km_vendor vendor, enum km_paging paging,
				       struct km_val code)
{
	if (!km_is_known(code))
		return KM_SHOWS_UNKNOWN;
	switch (vendor) {
	case KM_VENDOR_AMD:
		return svm_exit_evidence(paging, code.v);
	case KM_VENDOR_INTEL:
		return vmx_exit_evidence(paging, code.v);
	case KM_VENDOR_UNKNOWN:
		break;
	}
	return KM_SHOWS_UNKNOWN;
}

enum km_exit_evidence km_case_exit_evidence(const struct km_case *c)
{
	const struct km_mmu *active = c->all.active;

	return active ? km_exit_evidence(c->kernel->vendor, active->paging, c->last.exit_code)
		      : KM_SHOWS_UNKNOWN;
}

bool km_case_halted(const struct km_case *c)
{
	struct km_val code = c->last.exit_code;

	if (!km_is_known(code) || !c->all.active)
		return false;
	return c->kernel->vendor == KM_VENDOR_INTEL
		       ? code.v == REASON_HLT
		       : c->kernel->vendor == KM_VENDOR_AMD &&
				 (code.v == EXIT_HLT || code.v == EXIT_IDLE_HLT);
}

/* The last exit's own error code, where KVM keeps it without the address (Intel). */
static const struct km_fault *exit_without_address(const struct km_last_fault *last)
{
	for (size_t i = 0; i < last->count; i++) {
		const struct km_fault *f = &last->faults[i];

		if (f->source == KM_FAULT_VMX && f->age == KM_AGE_LAST_EXIT &&
		    km_is_known(f->error_code))
			return f;
	}
	return NULL;
}

/* Can the last exit be that of the fault, or one that is not evidence about it? */
static bool exit_fits(const struct km_case *c)
{
	const struct km_fault *exit;

	switch (km_case_exit_evidence(c)) {
	case KM_SHOWS_ASYNCHRONOUS:
		return true;
	case KM_SHOWS_FAULT:
		exit = exit_without_address(&c->last);
		return exit && !((exit->error_code.v ^ c->error_code) & ACCESS_BITS);
	case KM_SHOWS_INSTRUCTION:
	case KM_SHOWS_UNKNOWN:
		break;
	}
	return false;
}

/* Is it right below the frame that calls the handlers of exits? */
static bool is_in_place(const struct km_case *c)
{
	const struct km_stack *stack = &c->last.stack;
	uint64_t at = c->fault->pf.address;
	const struct km_frame *run;

	if (!c->last.has_stack || stack->start == KM_STACK_UNKNOWN || at >= stack->sp)
		return false;
	run = km_stack_in(stack, "kvm_arch_vcpu_ioctl_run");
	/* above the frame, the difference wraps around */
	return run && run->sure && run->sp - at <= HANDLER_DEPTH;
}

/* Is no task inside an invalidation, and is that known of all of them? */
static bool nobody_invalidates(const struct km_case *c)
{
	const struct km_tasks *tasks = km_case_tasks(c);
	const char *function;

	return km_is_known(c->vm->mm) && km_stacks_known(tasks, c->vm->mm.v) &&
	       !km_invalidating_task(tasks, c->vm->mm.v, &function) &&
	       !km_zapping_task(tasks, &function);
}

const char *km_residue_objection(const struct km_case *c)
{
	const struct km_page_fault *pf = &c->fault->pf;

	if (c->fault->source != KM_FAULT_STACK || c->fault->age != KM_AGE_RESIDUE)
		return "it is not residue of a struct kvm_page_fault";
	if (pf->prefetch.v)
		return "the guest did not take this fault: KVM mapped the page in advance";
	if (!is_in_place(c))
		return "it is not where the handler's frame was";
	if (!exit_fits(c))
		return "the last exit is not known, or was a different one, which shows that the "
		       "guest continued";
	if (!km_is_known(pf->mmu_seq) || !km_is_known(c->vm->mmu_invalidate_seq))
		return "whether an invalidation has ended since is not known";
	if (pf->mmu_seq.v != c->vm->mmu_invalidate_seq.v)
		return "an invalidation has ended since";
	if (!nobody_invalidates(c))
		return "a task is or may be inside an invalidation";
	if (!c->has_panel || c->panel.verdicts[KM_JUDGE_PROCESSOR].ruling != KM_DENIES)
		return "the SPTE now permits the access, or its permissions are not known";
	return NULL;
}

/* Of an instruction that KVM could not emulate: has the guest, or the VMM, got past it? */
static const char *failure_objection(const struct km_case *c)
{
	if (km_case_exit_evidence(c) != KM_SHOWS_ASYNCHRONOUS)
		return "the last exit is not known, or was a different one, which shows that the "
		       "guest continued";
	if (!km_nearly_all_faults(c, KM_BALANCE_FAILED))
		return "KVM has emulated other instructions";
	return NULL;
}

const char *km_older_objection(const struct km_case *c)
{
	return c->fault->source == KM_FAULT_RUN ? failure_objection(c) : km_residue_objection(c);
}
