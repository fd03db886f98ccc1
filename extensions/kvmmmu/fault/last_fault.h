/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Find the last fault of a vCPU: in the handler's struct kvm_page_fault on the stack of its thread,
 * in the VMCB, in the fields that VMX caches, in what KVM_RUN told the VMM, or in addresses that
 * KVM keeps for other reasons.
 */
#ifndef KVMMMU_LAST_FAULT_H
#define KVMMMU_LAST_FAULT_H

#include "base/certainty.h"
#include "fault/page_fault_on_stack.h"
#include "kvm/mmu.h"

/* The most reliable source first. */
enum km_fault_source {
	KM_FAULT_USER,	 /* -a and -e */
	KM_FAULT_STACK,	 /* struct kvm_page_fault on the thread's stack */
	KM_FAULT_VMCB,	 /* exit_code NPF, or #PF under shadow paging */
	KM_FAULT_VMX,	 /* the exit; its address, if any, is from the VMCS page */
	KM_FAULT_RUN,	 /* kvm_run.internal: KVM could not emulate its instruction */
	KM_FAULT_HINT,	 /* MMIO, last_retry_*, apf fields */
	KM_FAULT_VMCS,	 /* address in the VMCS page, of an EPT violation before the last exit */
	KM_FAULT_FTRACE, /* recorded in ftrace's ring buffers before the dump was taken */
};

struct km_fault {
	enum km_fault_source source;
	enum km_fault_age age;
	struct km_val addr;	  /* GPA, L2 GPA or GVA: see km_mmu_address_meaning() of @mmu */
	struct km_val error_code; /* PFERR_* as passed to the handler */
	/* of @addr: KM_LIKELY or KM_POSSIBLE if it is from a VMCS page, else KM_PROVEN */
	enum km_certainty certainty;
	const struct km_mmu *mmu;    /* the context that it belongs to; NULL: not known */
	struct km_page_fault pf;     /* KM_FAULT_STACK only */
	struct km_fault_place place; /* likewise: what the stack still shows around @pf */
	/* likewise: mmu_invalidate_seq of the VM less that of @pf; KM_ABSENT: not known */
	struct km_val invalidations_since;
	/* likewise: bytes from @pf up to the return address into KVM_RUN's frame; 0: not known */
	uint64_t below_run;
	bool gmet;	/* U of a fetch was set from the CPL, as in KVM */
	char from[240]; /* where it was found: "struct kvm_page_fault at 0x… in the frame of …" */
	char limits[240]; /* what this source does not show; "" if nothing */
};

#define KM_FAULTS 8

struct km_last_fault {
	struct km_fault faults[KM_FAULTS]; /* best first */
	size_t count;			   /* 0: no fault was found */
	char disagreement[240];		   /* how the sources differ, or "" */
	char none[240];			   /* why there is none, if count is 0 */
	struct km_stack stack; /* of the thread in an ioctl on the vCPU, or that ran it last */
	bool has_stack;
	struct km_val rip;	 /* of the guest, if KVM has read it since the last exit */
	struct km_val exit_code; /* of the last exit, fault or not; VMX: the exit reason */
	/* The stack is in the handler of page faults: for certain; by frames that may be residue.
	 */
	bool handling, maybe_handling;
	struct km_contradictions contradictions; /* in what the last exit left */
};

/*
 * Find the faults of the vCPU, whose contexts are @all. KM_EINTR, KM_ENOMEM. The caller calls
 * km_last_fault_deinit() in any case.
 */
km_error *km_last_fault_find(const struct km_kernel *kernel, const struct km_vm *vm,
			     const struct km_vcpu *vcpu, const struct km_vcpu_mmu *all,
			     struct km_last_fault *last);

void km_last_fault_deinit(struct km_last_fault *last);

/*
 * Set the error code that the user gave for @fault, which is in context @mmu. With EPT, @value may
 * be the exit qualification of an EPT violation, which trace events and logs print instead: then
 * set what KVM makes of it, and note it in fault->from.
 */
void km_fault_set_error_code(struct km_fault *fault, const struct km_kernel *kernel,
			     const struct km_mmu *mmu, uint64_t value);

/* Return the first that has an address, an error code and a context, and is not residue; or NULL.
 */
const struct km_fault *km_fault_to_judge(const struct km_last_fault *last);

/* Is it the fault of the last exit, or being handled? */
static inline bool km_fault_is_current(const struct km_fault *fault)
{
	return fault->age == KM_AGE_IN_HANDLER || fault->age == KM_AGE_LAST_EXIT;
}

/* For output: "user", "stack", "VMCB", ... and "in handler", "last exit", ... */
const char *km_fault_source_text(enum km_fault_source source);
const char *km_fault_age_text(enum km_fault_age age);

#endif
