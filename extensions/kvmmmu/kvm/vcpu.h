/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Virtual CPUs: struct kvm_vcpu, its thread and its counters. */
#ifndef KVMMMU_VCPU_H
#define KVMMMU_VCPU_H

#include "base/certainty.h"
#include "base/contradictions.h"
#include "kernel/kernel.h"

/* A bit of kvm_vcpu.requests, the same in all kernels; macros, so not in type information. */
#define KVM_REQ_GET_NESTED_STATE_PAGES 32

/* A request whose bit depends on the kernel. */
struct km_request {
	const char *name;
	uint64_t bits; /* one; several, if it is not known which */
};

/* That of each vCPU of a VM that KVM has declared dead. */
struct km_request km_request_of_dead_vm(const struct km_features *features);

/* That which replaces an obsolete root before the guest is entered. */
struct km_request km_request_to_free_roots(const struct km_features *features);

#define KM_VCPU_STATS(F)                                                                           \
	F(exits)                                                                                   \
	F(mmio_exits)                                                                              \
	F(halt_exits)                                                                              \
	F(pf_taken)                                                                                \
	F(pf_fixed)                                                                                \
	F(pf_fast)                                                                                 \
	F(pf_spurious)                                                                             \
	F(pf_emulate)                                                                              \
	F(pf_mmio_spte_created)                                                                    \
	F(pf_guest)

struct km_vcpu_stats {
#define KM_STAT_FIELD(name) struct km_val name;
	KM_VCPU_STATS(KM_STAT_FIELD)
#undef KM_STAT_FIELD
};

/* Values of kvm_vcpu.mode: in the guest; kicked, but possibly still in the guest. */
#define KM_IN_GUEST_MODE      1
#define KM_EXITING_GUEST_MODE 2

struct km_vcpu {
	uint64_t addr; /* of struct kvm_vcpu */
	unsigned idx;  /* index in kvm.vcpu_array */
	struct km_val vcpu_id, cpu, mode, requests;
	struct km_val task; /* task_struct of its thread, or of the thread in an ioctl on it
			       before its first KVM_RUN; 0: there is none */
	uint64_t pid;	    /* kvm_vcpu.pid, a struct pid; 0: none, or not readable */
	struct km_val tid, task_state, on_cpu;
	char comm[17];
	struct km_val mp_state;
	struct km_val cr0, cr3, cr4, efer, regs_avail;
	struct km_val rip; /* KM_ABSENT if the guest's state is protected (SEV-ES, TDX) */
	struct km_vcpu_stats stats;
	struct km_val mmu; /* vcpu.arch.mmu: which context is active */
	bool readable;	   /* the essential parts of the structure are in the dump */
	bool left_out;	   /* the capsule was made of other vCPUs */
	bool foreign;	   /* what is at addr is not this vCPU: see contradictions */
	struct km_contradictions contradictions;
};

/* Read the vCPU at @addr; members that are not readable are marked as such. */
void km_vcpu_read(const struct km_kernel *kernel, uint64_t addr, unsigned idx,
		  struct km_vcpu *vcpu);

/*
 * Check that the vCPU belongs to VM @kvm of the process with @mm, and that its members are
 * possible: sets vcpu->contradictions and foreign.
 */
void km_vcpu_check(const struct km_kernel *kernel, uint64_t kvm, struct km_val mm,
		   struct km_vcpu *vcpu);

/*
 * If the vCPU has no thread, because only KVM_RUN sets kvm_vcpu.pid: set it to the thread that is
 * in another ioctl on it, such as KVM_PRE_FAULT_MEMORY, if there is one.
 */
void km_vcpu_find_thread(const struct km_kernel *kernel, struct km_vcpu *vcpu);

/*
 * The task_struct in an ioctl on the vCPU (owner of kvm_vcpu.mutex); 0: none. A thread that never
 * runs the vCPU may call KVM_PRE_FAULT_MEMORY.
 */
struct km_val km_vcpu_in_ioctl(const struct km_kernel *kernel, uint64_t vcpu);

/*
 * The task_struct in mutex.owner or rw_semaphore.owner, without the flags in its low bits:
 * MUTEX_FLAGS, RWSEM_OWNER_FLAGS_MASK.
 */
static inline struct km_val km_lock_owner(struct km_val owner)
{
	owner.v &= ~7ULL;
	return owner;
}

/* How certain is a contradiction within its MMU? Not proven if other facts about it are in doubt.
 */
static inline enum km_certainty km_vcpu_certainty(const struct km_vcpu *vcpu)
{
	return vcpu->contradictions.count ? KM_POSSIBLE : KM_PROVEN;
}

/* Is it known to be in the guest? */
static inline bool km_vcpu_in_guest(const struct km_vcpu *vcpu)
{
	return km_is_known(vcpu->mode) && vcpu->mode.v == KM_IN_GUEST_MODE;
}

/* Is it known that no thread ever ran it? Then its VMCB or VMCS does not contain an exit. */
static inline bool km_vcpu_never_ran(const struct km_vcpu *vcpu)
{
	return km_is_known(vcpu->tid) && !vcpu->tid.v;
}

/* Name of a kvm_vcpu.mode: "OUTSIDE_GUEST_MODE", ...; NULL if unknown. */
const char *km_vcpu_mode_name(uint64_t mode);

/* Name of a KVM_MP_STATE_*: "RUNNABLE", "HALTED", ...; NULL if unknown. */
const char *km_mp_state_name(uint64_t mp_state);

/* Name of request bit @bit, KVM_REQ_* without the prefix, for 5.10 to 7.3; NULL if unknown. */
const char *km_request_name(const struct km_features *features, unsigned bit);

/*
 * Is the bool or counter @member of the structure at @addr set? For one that is rarely set: a
 * capsule contains it only then.
 */
bool km_flag_is_set(const struct km_kernel *kernel, uint64_t addr, enum km_member_id member);

#endif
