/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Virtual CPUs: struct kvm_vcpu, its thread and its counters. */
#ifndef KVMMMU_VCPU_H
#define KVMMMU_VCPU_H

#include "kernel.h"

/* Bits of kvm_vcpu.requests, the same in all kernels; macros, hence in no type information. */
#define KVM_REQ_VM_DEAD			1
#define KVM_REQ_MMU_FREE_OBSOLETE_ROOTS 39

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

/* Of kvm_vcpu.mode: the guest runs; it was told to leave, and may still be inside. */
#define KM_IN_GUEST_MODE      1
#define KM_EXITING_GUEST_MODE 2

struct km_vcpu {
	uint64_t addr; /* of struct kvm_vcpu */
	unsigned idx;  /* index in kvm.vcpu_array */
	struct km_val vcpu_id, cpu, mode, requests;
	struct km_val task; /* task_struct of its thread, or of who is in an ioctl on it before
			       its first KVM_RUN; 0: there is none */
	struct km_val tid, task_state, on_cpu;
	char comm[17];
	struct km_val mp_state;
	struct km_val cr0, cr3, cr4, efer, rip, regs_avail;
	struct km_vcpu_stats stats;
	struct km_val mmu; /* vcpu.arch.mmu: which context is active */
	bool readable;	   /* the structure's essential parts are in the dump */
};

/* Reads the vCPU at @addr; what is not readable is so marked. */
void km_vcpu_read(const struct km_kernel *kernel, uint64_t addr, unsigned idx,
		  struct km_vcpu *vcpu);

/*
 * A vCPU without a thread, because only KVM_RUN sets kvm_vcpu.pid: takes the one that is in another
 * ioctl on it, such as KVM_PRE_FAULT_MEMORY, if there is one.
 */
void km_vcpu_find_thread(const struct km_kernel *kernel, struct km_vcpu *vcpu);

/*
 * Who is in an ioctl on the vCPU (kvm_vcpu.mutex): task_struct, 0: nobody. KVM_PRE_FAULT_MEMORY may
 * be called by a thread that never runs it.
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

/* Is it known to be in the guest? */
static inline bool km_vcpu_in_guest(const struct km_vcpu *vcpu)
{
	return km_is_known(vcpu->mode) && vcpu->mode.v == KM_IN_GUEST_MODE;
}

/* Is it known that no thread ever ran it? Then what its VMCB or VMX fields hold is no exit. */
static inline bool km_vcpu_never_ran(const struct km_vcpu *vcpu)
{
	return km_is_known(vcpu->tid) && !vcpu->tid.v;
}

/* OUTSIDE_GUEST_MODE, IN_GUEST_MODE, ... of kvm_vcpu.mode; NULL if it is none of them. */
const char *km_vcpu_mode_name(uint64_t mode);

/* KVM_MP_STATE_*: "RUNNABLE", "HALTED", ...; NULL if it is none of them. */
const char *km_mp_state_name(uint64_t mp_state);

/* Name of request bit @bit (KVM_REQ_* without the prefix), as in 6.1 to 7.3; NULL if unknown. */
const char *km_request_name(unsigned bit);

#endif
