// SPDX-License-Identifier: GPL-2.0-or-later
#include "last_fault.h"

#include "memslots.h"
#include "page_fault_on_stack.h"
#include "svm.h"
#include "vmx.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define REGS_AVAIL_RIP KM_BIT(16)
#define APF_GFNS       64 /* ASYNC_PF_PER_VCPU */

#define SAY(buf, ...) snprintf(buf, sizeof(buf), __VA_ARGS__)

struct job {
	const struct km_kernel *k;
	const struct km_vm *vm;
	const struct km_vcpu *vcpu;
	const struct km_vcpu_mmu *all;
	struct km_last_fault *last;
	bool only_vmcb; /* a capsule of format 1, which holds no more than that */
	bool handling;	/* the stack shows, for certain, the handler of faults from the guest */
};

const char *km_fault_source_text(enum km_fault_source source)
{
	static const char *const names[] = {"user", "stack", "VMCB", "VMX", "hint"};

	return names[source];
}

const char *km_fault_age_text(enum km_fault_age age)
{
	static const char *const names[] = {"in handler", "last exit", "residue", "unknown"};

	return names[age];
}

const struct km_fault *km_fault_to_judge(const struct km_last_fault *last)
{
	for (size_t i = 0; i < last->count; i++) {
		const struct km_fault *f = &last->faults[i];

		if (km_is_known(f->addr) && km_is_known(f->error_code) && f->mmu &&
		    f->age != KM_AGE_RESIDUE)
			return f;
	}
	return NULL;
}

/* The next entry; one that is not used if there are too many. */
static struct km_fault *next_fault(struct job *job, enum km_fault_source source,
				   enum km_fault_age age)
{
	struct km_last_fault *last = job->last;
	struct km_fault *f = &last->faults[last->count];

	if (last->count == KM_FAULTS)
		return NULL;
	last->count++;
	memset(f, 0, sizeof(*f));
	f->source = source;
	f->age = age;
	f->addr = f->error_code = (struct km_val){.known = KM_ABSENT};
	return f;
}

/* ---- the stack ---- */

/* Which context the fault is about: that of the handler is the active one, older ones may differ.
 */
static const struct km_mmu *mmu_of(const struct job *job, const struct km_page_fault *pf,
				   enum km_fault_age age)
{
	if (age == KM_AGE_IN_HANDLER)
		return job->all->active;
	for (size_t i = 0; pf->is_tdp.v && i < job->all->mmu_count; i++) {
		if (!strcmp(job->all->mmus[i].name, "root_mmu"))
			return &job->all->mmus[i];
	}
	return NULL;
}

static void add_from_stack(struct job *job, uint64_t at, enum km_fault_age age,
			   const struct km_frame *frame)
{
	struct km_fault *f = next_fault(job, KM_FAULT_STACK, age);

	if (!f)
		return;
	km_page_fault_read(job->k, at, &f->pf);
	f->addr = f->pf.addr;
	f->error_code = f->pf.error_code;
	f->mmu = mmu_of(job, &f->pf, age);
	if (frame)
		SAY(f->from, "struct kvm_page_fault at 0x%" PRIx64 " in the frame of %.60s()", at,
		    frame->function);
	else
		SAY(f->from, "struct kvm_page_fault at 0x%" PRIx64 " on the stack of its thread",
		    at);
	if (age == KM_AGE_RESIDUE)
		SAY(f->limits, "left over from an older fault, which has been handled");
	else if (age == KM_AGE_UNKNOWN)
		SAY(f->limits, "%s",
		    km_page_fault_half_written(&f->pf)
			    ? "address 0 and no memslot: it may be half written only"
		    : job->last->stack.start == KM_STACK_UNKNOWN
			    ? "where the live part of the stack begins is not known: the fault may "
			      "have been handled"
			    : "no handler stands below it on the stack: not handed on yet, or done "
			      "with");
	else if (f->pf.prefetch.v)
		SAY(f->limits, "a fault that the guest did not take: KVM maps ahead "
			       "(KVM_PRE_FAULT_MEMORY, or an async page fault that is ready)");
	else if (job->k->features.acc == KM_ACC_UWX && f->pf.error_code.v <= UINT32_MAX &&
		 !km_has(job->k->layout, KM_M_kvm_page_fault_is_private))
		SAY(f->limits, "this kernel keeps the lower half of the error code only");
}

/* Those of one age, the outermost first. */
static void add_those_of(struct job *job, const struct km_page_faults *found,
			 enum km_fault_age wanted)
{
	uint32_t size = km_layout_sizeof(job->k->layout, KM_T_kvm_page_fault);

	for (size_t i = found->count; i-- > 0;) {
		const struct km_frame *frame;
		enum km_fault_age age =
			km_page_fault_age(&job->last->stack, found->at[i], size, &frame);

		/* a vCPU that is in the guest is handling none */
		if (job->last->stack.start == KM_STACK_UNKNOWN && km_vcpu_in_guest(job->vcpu))
			age = KM_AGE_RESIDUE;
		if (age == wanted)
			add_from_stack(job, found->at[i], age, frame);
	}
}

/* ---- the last exit ---- */

/* With NPT a #PF exit is the guest's own affair, and its address no GPA. */
static bool is_fault_exit(const struct km_mmu *mmu, uint64_t exit_code)
{
	return exit_code == (mmu->paging == KM_PAGING_SHADOW ? SVM_EXIT_PF : SVM_EXIT_NPF);
}

/*
 * Under GMET the processor reports NPT faults as user ones; KVM sets U of a fetch from the CPL. The
 * error code of the VMCB is as the processor left it.
 */
static bool apply_gmet(const struct km_mmu *mmu, const struct km_vmcb *vmcb,
		       struct km_val *error_code)
{
	if (mmu->paging != KM_PAGING_NPT || !mmu->root_role.cr4_smep ||
	    !(error_code->v & PFERR_FETCH_MASK) || !km_is_known(vmcb->cpl))
		return false;
	error_code->v &= ~PFERR_USER_MASK;
	if (vmcb->cpl.v == 3)
		error_code->v |= PFERR_USER_MASK;
	return true;
}

/* Its structures are read for all that: they are in the capsules that there are. */
static bool never_ran(const struct job *job)
{
	if (!km_is_known(job->vcpu->tid) || job->vcpu->tid.v)
		return false;
	SAY(job->last->none, "no thread ever ran it: there was no exit");
	return true;
}

static void add_from_vmcb(struct job *job)
{
	const struct km_mmu *mmu = job->all->active;
	struct km_last_fault *last = job->last;
	struct km_fault *f;
	struct km_vmcb vmcb;
	km_scoped_error *err = km_vmcb_read(job->k, job->vcpu, &vmcb);

	if (err) {
		SAY(last->none, "%s", km_error_text(err));
		return;
	}
	if (never_ran(job))
		return;
	last->exit_code = vmcb.exit_code;
	if (!mmu || !is_fault_exit(mmu, vmcb.exit_code.v)) {
		const char *name = km_svm_exit_name(vmcb.exit_code.v);

		SAY(last->none,
		    mmu ? "the last exit was 0x%" PRIx64 "%s%s%s, no page fault: the VMCB holds no "
			  "fault any more"
			: "the last exit was 0x%" PRIx64 "%s%s%s, and which MMU is active is not "
			  "known",
		    vmcb.exit_code.v, name ? " (" : "", name ? name : "", name ? ")" : "");
		return;
	}
	if (!km_is_known(vmcb.exit_info_1) || !km_is_known(vmcb.exit_info_2)) {
		SAY(last->none, "the exit information of the VMCB is not readable");
		return;
	}
	f = next_fault(job, KM_FAULT_VMCB, job->handling ? KM_AGE_IN_HANDLER : KM_AGE_LAST_EXIT);
	if (!f)
		return;
	f->addr = km_vmcb_exit_info_2(&vmcb, job->vcpu->mode);
	f->error_code = vmcb.exit_info_1;
	f->mmu = mmu;
	SAY(f->from, "exit 0x%" PRIx64 " (%s) of %s", vmcb.exit_code.v,
	    km_svm_exit_name(vmcb.exit_code.v), vmcb.name);
	f->gmet = apply_gmet(mmu, &vmcb, &f->error_code);
	if (f->gmet)
		SAY(f->limits,
		    "GMET: U of this fetch was taken from the CPL (%" PRIu64 "), as KVM does",
		    vmcb.cpl.v);
	else if (!km_is_known(f->addr))
		SAY(f->limits,
		    "the vCPU has entered the guest since, which clears the address; it may "
		    "have been fixed since");
	else if (!job->handling)
		SAY(f->limits, "it may have been fixed since");
}

static void add_from_vmx(struct job *job)
{
	const struct km_mmu *mmu = job->all->active;
	bool ept = mmu && mmu->paging == KM_PAGING_EPT;
	struct km_last_fault *last = job->last;
	const char *name;
	struct km_fault *f;
	struct km_vmx_exit exit;
	km_scoped_error *err = km_vmx_exit_read(job->k, job->vcpu, &exit);

	if (err) {
		SAY(last->none, "%s", km_error_text(err));
		return;
	}
	if (never_ran(job))
		return;
	last->exit_code = exit.reason;
	name = km_vmx_exit_name(exit.reason.v);
	if (!km_is_known(exit.reason) || !mmu) {
		SAY(last->none, "the last exit is not readable");
		return;
	}
	if (ept ? exit.reason.v != EXIT_REASON_EPT_VIOLATION &&
			    exit.reason.v != EXIT_REASON_EPT_MISCONFIG
		: exit.reason.v != EXIT_REASON_EXCEPTION_NMI ||
			    (km_is_known(exit.intr_info) && (exit.intr_info.v & 0xff) != 14)) {
		SAY(last->none, "the last exit was %" PRIu64 "%s%s%s, no page fault", exit.reason.v,
		    name ? " (" : "", name ? name : "", name ? ")" : "");
		return;
	}
	if (!ept && !km_is_known(exit.intr_info)) {
		SAY(last->none, "the last exit was an exception or an NMI: which is not cached");
		return;
	}
	f = next_fault(job, KM_FAULT_VMX, job->handling ? KM_AGE_IN_HANDLER : KM_AGE_LAST_EXIT);
	if (!f)
		return;
	f->mmu = mmu;
	SAY(f->from, "exit %" PRIu64 " (%s)%s", exit.reason.v, name,
	    km_is_known(exit.qualification) ? " and its cached qualification" : "");
	if (!ept) {
		f->addr = exit.qualification; /* CR2 */
		SAY(f->limits, "the error code is in the VMCS only");
		return;
	}
	if (exit.reason.v == EXIT_REASON_EPT_MISCONFIG)
		f->error_code = km_known_val(PFERR_RSVD_MASK);
	else if (km_is_known(exit.qualification))
		f->error_code = km_known_val(km_ept_violation_error_code(
			job->k->features.acc, mmu->root_role.cr4_smep, exit.qualification.v));
	SAY(f->limits, "the kind of access only: KVM never keeps the GPA on Intel%s",
	    km_is_known(f->error_code) ? "" : ", nor has it read the qualification");
}

/* ---- hints ---- */

static void add_hint(struct job *job, uint64_t gpa, const char *from)
{
	struct km_fault *f = next_fault(job, KM_FAULT_HINT, KM_AGE_UNKNOWN);

	if (!f)
		return;
	f->addr = km_known_val(gpa);
	SAY(f->from, "%s", from);
	SAY(f->limits, "a hint: not known to be the last fault, and without its error code");
}

static void add_hints(struct job *job)
{
	uint64_t v = job->vcpu->addr;
	const struct km_kernel *k = job->k;
	struct km_val needed = km_kget(k, v, KM_M_kvm_vcpu_mmio_needed);
	struct km_val gpa = km_kget(k, v, KM_M_kvm_vcpu_mmio_gpa);
	struct km_val write = km_kget(k, v, KM_M_kvm_vcpu_mmio_is_write);
	struct km_val gfn = km_kget(k, v, KM_M_kvm_vcpu_mmio_gfn);
	struct km_val gen = km_kget(k, v, KM_M_kvm_vcpu_mmio_gen);
	struct km_val retry = km_kget(k, v, KM_M_kvm_vcpu_last_retry_addr);
	struct km_val queued = km_kget(k, v, KM_M_kvm_vcpu_apf_queued);

	if (needed.v && km_is_known(gpa))
		add_hint(job, gpa.v,
			 write.v ? "vcpu.mmio_needed: a write that user space has to do"
				 : "vcpu.mmio_needed: a read that user space has to do");
	for (uint32_t i = 0; queued.v && i < APF_GFNS; i++) {
		struct km_val waits = km_kelem(k, v, KM_M_kvm_vcpu_apf_gfns, i);

		if (km_is_known(waits) && waits.v != UINT64_MAX) {
			add_hint(job, waits.v << KM_PAGE_SHIFT,
				 "arch.apf.gfns: an async page fault that the host has not "
				 "resolved");
			break;
		}
	}
	if (km_is_known(retry) && retry.v)
		add_hint(job, retry.v,
			 "arch.last_retry_addr: the emulator gave up and had it retried");
	if (km_is_known(gfn) && gfn.v && gen.v)
		add_hint(job, gfn.v << KM_PAGE_SHIFT, "arch.mmio_gfn: the last MMIO access");
}

/* ---- all of them ---- */

/* Inside the handler of what the guest took, by frames that are certain? */
static bool is_handling(const struct km_stack *stack)
{
	static const char *const functions[] = {"kvm_mmu_page_fault", "kvm_handle_page_fault",
						"npf_interception", "pf_interception",
						"handle_ept_violation"};

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		const struct km_frame *f = km_stack_in(stack, functions[i]);

		if (f && f->sure)
			return true;
	}
	return false;
}

/* The thread that is in an ioctl of the vCPU now; if there is none, the one that ran it last. */
static uint64_t thread_of(const struct job *job)
{
	struct km_val owner = km_vcpu_in_ioctl(job->k, job->vcpu->addr);

	return owner.v ? owner.v : job->vcpu->task.v;
}

static km_error *read_stack(struct job *job, struct km_page_faults *found)
{
	struct km_last_fault *last = job->last;
	uint64_t thread = thread_of(job);
	km_error *err;

	if (!thread)
		return NULL;
	err = km_stack_read(job->k, thread, &last->stack);
	if (err)
		return err;
	last->has_stack = true;
	job->handling = is_handling(&last->stack);
	return km_page_faults_find(job->k, job->vm, &last->stack, found);
}

/* The handler's own view against that of the last exit. */
static void compare(struct km_last_fault *last)
{
	const struct km_fault *stack = &last->faults[0], *exit = &last->faults[1];
	uint64_t mask =
		UINT32_MAX & ~PFERR_USER_MASK; /* 6.1 keeps this half; U is KVM's to change */

	if (last->count < 2 || stack->source != KM_FAULT_STACK || stack->age != KM_AGE_IN_HANDLER ||
	    stack->pf.prefetch.v || (exit->source != KM_FAULT_VMCB && exit->source != KM_FAULT_VMX))
		return;
	if (km_is_known(exit->addr) && exit->addr.v != stack->addr.v)
		SAY(last->disagreement,
		    "the handler has address 0x%" PRIx64 ", the last exit 0x%" PRIx64,
		    stack->addr.v, exit->addr.v);
	else if (km_is_known(exit->error_code) &&
		 (exit->error_code.v & mask) != (stack->error_code.v & mask))
		SAY(last->disagreement,
		    "the handler has error code 0x%" PRIx64 ", the last exit 0x%" PRIx64,
		    stack->error_code.v, exit->error_code.v);
}

km_error *km_last_fault_find(const struct km_kernel *k, const struct km_vm *vm,
			     const struct km_vcpu *vcpu, const struct km_vcpu_mmu *all,
			     struct km_last_fault *last)
{
	const struct km_target_kernel *brings = km_memory_target(k->mem)->brings;
	struct job job = {k, vm, vcpu, all, last, brings && !brings->saved, false};
	struct km_page_faults found = {.count = 0};
	km_error *err;

	memset(last, 0, sizeof(*last));
	last->exit_code = (struct km_val){.known = KM_ABSENT};
	last->rip = vcpu->rip;
	if (k->vendor == KM_VENDOR_INTEL && !(vcpu->regs_avail.v & REGS_AVAIL_RIP))
		last->rip = (struct km_val){.known = KM_ABSENT};
	err = job.only_vmcb ? NULL : read_stack(&job, &found);
	if (err)
		return err;
	add_those_of(&job, &found, KM_AGE_IN_HANDLER);
	if (k->vendor != KM_VENDOR_INTEL)
		add_from_vmcb(&job);
	else if (!job.only_vmcb)
		add_from_vmx(&job);
	compare(last);
	add_those_of(&job, &found, KM_AGE_UNKNOWN);
	if (!job.only_vmcb)
		add_hints(&job);
	add_those_of(&job, &found, KM_AGE_RESIDUE);
	if (last->count)
		last->none[0] = '\0';
	return NULL;
}
