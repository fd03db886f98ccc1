/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Conditions in two halves: what a condition reads from the target beyond the case, and the rule
 * over both, which is pure. km_diagnose_NAME() does one after the other; tests call the rule.
 */
#ifndef KVMMMU_DIAGNOSE_RULES_H
#define KVMMMU_DIAGNOSE_RULES_H

#include "diagnose/counters.h"
#include "diagnose/diagnosis.h"
#include "diagnose/host_mapping.h"
#include "kvm/gfn_state.h"
#include "threads/invalidation.h"
#include "kvm/sev.h"
#include "kvm/svm.h"
#include "kvm/vm_locks.h"
#include "rules/exits.h"

/*
 * Up to 6.11 kvm_mmu_page_fault() "unprotected" the gfn and re-entered the guest whenever a write
 * to a guest page table was to be emulated, whether that changed anything or not.
 */
enum km_unprotect {
	KM_UNPROTECT_UNKNOWN,
	KM_UNPROTECT_ALWAYS,  /* kvm_mmu_unprotect_page() */
	KM_UNPROTECT_IF_DONE, /* __kvm_mmu_unprotect_gfn_and_retry(), 6.12 */
};

enum km_unprotect km_unprotect_style(const struct km_kernel *kernel);

/* Is it a write by the processor's walk of the guest's page tables, on a direct MMU? */
bool km_is_write_to_guest_page_table(const struct km_case *c);

/* Spell a task as "vm-vmm tid 134" into @buf. Return @buf. */
char *km_task_spell(const struct km_task *task, char *buf, size_t size);

/* Is it asleep, on no CPU? It cannot continue on its own then. */
bool km_task_sleeps(const struct km_task *task);

/* Its innermost function that is not the scheduler's; "?" if its stack is not known. */
const char *km_task_function(const struct km_stack *stack);

/* Is the vCPU's thread in @function? */
bool km_case_in(const struct km_case *c, const char *function);

/* Is it in one of @functions, which end with NULL? */
bool km_case_in_any(const struct km_case *c, const char *const *functions);

/*
 * Is it in the loop of KVM_PRE_FAULT_MEMORY? The loop continues while the result is RET_PF_RETRY,
 * checks no request of the vCPU but VM_DEAD (since 6.16), and holds kvm.srcu.
 */
bool km_case_in_prefault(const struct km_case *c);

/* Is the vCPU's thread where role and permission table are written, one after the other? */
bool km_tables_being_filled(const struct km_case *c);

/*
 * Is there a fault to judge: one that is being handled, that of the last exit, or one that the user
 * supplied? Only the first can be more than possible.
 */
static inline bool km_case_has_fault(const struct km_case *c)
{
	return km_case_is_current(c) || (c->fault && c->fault->source == KM_FAULT_USER);
}

/*
 * How certain is it that the error that KVM_RUN returns for this fault will come again? The VMM may
 * have handled it, but not if most faults of this vCPU end like this.
 */
enum km_certainty km_error_certainty(const struct km_case *c);

/*
 * The fault is not known, and what @d has found makes faults end as @how says: lower the certainty
 * of @d to likely if nearly all of this vCPU's did, and an interrupt or NMI came last, which shows
 * nothing; to possible otherwise. Where two such findings compete, both become possible.
 */
void km_rests_on_counts(const struct km_case *c, enum km_fault_balance how, struct km_diagnosis *d);

/* Is the fault a write? */
bool km_case_is_write(const struct km_case *c);

/*
 * The rules: each judges what a condition has read, so that a test can call it without a target.
 * They return true, and fill @d, if the condition holds.
 */

/* @moving: the target changes while it is read. */
bool km_rule_perm_table_mismatch(const struct km_case *c, bool moving, struct km_diagnosis *d);

bool km_rule_mmu_seq_sign(const struct km_case *c, enum km_seq_type type, struct km_diagnosis *d);

struct km_invalidate_facts {
	enum km_range_unit unit;
	struct km_vm_locks locks;
	/* none of the tasks that were read is in an invalidation unless these say so */
	const struct km_task
		*task; /* in an invalidation of the VM's memory, or without a notifier */
	const char *function;
	bool stacks_known; /* of all of the VM's threads */
};

struct km_invalidate_facts km_invalidate_facts_read(const struct km_case *c);
/*
 * Does KVM ask about invalidations on the way of this fault? Faults that end before, as on MMIO
 * SPTEs or on the fast path, do not wait for one. True where the replay leaves it open.
 */
bool km_case_meets_invalidation(const struct km_case *c);
/* Does the range cover the fault's gfn or hva, depending on the unit of the range? */
enum km_covers km_invalidate_covers_case(const struct km_case *c,
					 const struct km_invalidate_facts *f);
/* Return true if the range covers all memslots, which are known. */
bool km_invalidate_covers_all(const struct km_case *c, const struct km_invalidate_facts *f);
/* Add as a fact: the page of the fault, in the unit of the range, if that is known. */
void km_evidence_page(const struct km_case *c, enum km_range_unit unit, struct km_diagnosis *d);
bool km_rule_invalidate_in_progress(const struct km_case *c, const struct km_invalidate_facts *f,
				    struct km_diagnosis *d);
bool km_rule_invalidate_leaked(const struct km_case *c, const struct km_invalidate_facts *f,
			       struct km_diagnosis *d);

/*
 * The VMM's mapping of a writable memslot, where the fault of a vCPU is not known and most of its
 * faults were not resolved; else @conflict has no slot. Nor has it if the guest got past its
 * faults: it has halted, or the thread is outside KVM after an exit of an instruction, as for I/O.
 */
void km_slot_conflict_read(const struct km_case *c, struct km_slot_conflict *conflict);

/* Add a verdict: such a conflict may be the cause, because the VMM @does. */
void km_conflict_says(const struct km_case *c, const struct km_slot_conflict *conflict,
		      const char *does, struct km_diagnosis *d);

bool km_rule_host_unmapped(const struct km_case *c, const struct km_slot_conflict *conflict,
			   struct km_diagnosis *d);
bool km_rule_host_forbids(const struct km_case *c, const struct km_slot_conflict *conflict,
			  struct km_diagnosis *d);
bool km_rule_readonly_host(const struct km_case *c, const struct km_slot_conflict *conflict,
			   struct km_diagnosis *d);

struct km_private_facts {
	struct km_val attributes;
	struct km_val exit_reason; /* kvm_run */
};

struct km_private_facts km_private_facts_read(const struct km_case *c);
bool km_rule_private_mismatch(const struct km_case *c, const struct km_private_facts *f,
			      struct km_diagnosis *d);

struct km_emulation_facts {
	enum km_sev sev;
	enum km_unprotect unprotect;
	struct km_val insn_len;		     /* AMD: bytes of the instruction that the VMCB has */
	struct km_val event;		     /* one is awaiting reinjection */
	struct km_val exit_reason;	     /* kvm_run */
	struct km_shadow_pages shadow;	     /* of the gfn */
	struct km_val write_track;	     /* of the gfn */
	struct km_val retry_eip, retry_addr; /* arch.last_retry_* */
	struct km_val cpl;		     /* AMD: of the VMCB */
};

/*
 * What KVM does with an access of an SEV guest that needs emulation where the processor has
 * provided no bytes of the instruction: svm_check_emulate_instruction().
 */
enum km_sev_without_bytes {
	KM_SEV_LOOPS,	/* the guest is re-entered and faults again */
	KM_SEV_INJECTS, /* #GP, or a triple fault: taken for erratum 1096 */
	KM_SEV_OPEN,	/* CR4 or the CPL is not known */
};

enum km_sev_without_bytes km_sev_without_bytes(const struct km_case *c,
					       const struct km_emulation_facts *f);

struct km_emulation_facts km_emulation_facts_read(const struct km_case *c);
/*
 * How certain is it that KVM's emulator will fail on this fault again, as
 * handle_emulation_failure() then makes KVM_RUN return? At CPL 3 the guest gets #UD instead, and
 * goes on.
 */
enum km_certainty km_failure_certainty(const struct km_case *c, const struct km_emulation_facts *f);
/* Add as facts: how often the emulator failed, and what the VMM was notified of. */
void km_evidence_emulation(const struct km_case *c, const struct km_emulation_facts *f,
			   struct km_diagnosis *d);
bool km_rule_readonly_slot(const struct km_case *c, const struct km_emulation_facts *f,
			   struct km_diagnosis *d);
bool km_rule_no_slot(const struct km_case *c, const struct km_emulation_facts *f,
		     struct km_diagnosis *d);
bool km_rule_write_tracked(const struct km_case *c, const struct km_emulation_facts *f,
			   struct km_diagnosis *d);
bool km_rule_self_mapping_write(const struct km_case *c, const struct km_emulation_facts *f,
				struct km_diagnosis *d);

bool km_rule_slot_invalid(const struct km_case *c, const struct km_vm_locks *locks,
			  struct km_diagnosis *d);

bool km_rule_obsolete_root(const struct km_case *c, const struct km_vm_locks *locks,
			   struct km_diagnosis *d);

struct km_mmio_facts {
	struct km_val gfn, gen;	 /* what the vCPU's MMIO cache has: arch.mmio_gfn, mmio_gen */
	struct km_val other_gen; /* of the address space that the vCPU does not use */
};

/* @on: nx_huge_pages of the module. */
bool km_rule_nx_huge_page(const struct km_case *c, struct km_val on, struct km_diagnosis *d);

bool km_rule_mmio_generation(const struct km_case *c, const struct km_mmio_facts *f,
			     struct km_diagnosis *d);

/* What distinguishes the reasons for which the processor may not see the SPTEs that KVM sees. */
struct km_storm_facts {
	struct km_val processor_root; /* AMD, in a dump: nested_cr3 of the VMCB */
	struct km_val page_offset_base;
	struct km_val hypervisor; /* x86_hyper_type: 0: none */
};

bool km_rule_spurious_storm(const struct km_case *c, const struct km_storm_facts *f,
			    struct km_diagnosis *d);

/* @attributes: of the gfn. */
bool km_rule_rmp_fault(const struct km_case *c, struct km_val attributes, struct km_diagnosis *d);
/* @gmem_file: kvm_memory_slot.gmem.file. */
bool km_rule_private_unbacked(const struct km_case *c, struct km_val attributes,
			      struct km_val gmem_file, struct km_diagnosis *d);

/* @guest_mode: the vCPU runs a nested guest. */
bool km_rule_mmu_context_mismatch(const struct km_case *c, struct km_val guest_mode,
				  struct km_diagnosis *d);

/* @queued: asynchronous page faults that are under way. */
bool km_rule_lost_async_pf(const struct km_case *c, struct km_val queued, struct km_diagnosis *d);

struct km_dirty_ring_facts {
	struct km_val dirty_index, reset_index, soft_limit; /* of kvm_vcpu.dirty_ring */
	struct km_val exit_reason;			    /* kvm_run */
};

bool km_rule_dirty_ring_full(const struct km_case *c, const struct km_dirty_ring_facts *f,
			     struct km_diagnosis *d);

/* What KVM_REQ_GET_NESTED_STATE_PAGES is about. */
struct km_nested_entry_facts {
	struct km_val guest_mode;  /* the vCPU runs a nested guest */
	struct km_val exit_reason; /* kvm_run */
};

bool km_rule_nested_entry_fails(const struct km_case *c, const struct km_nested_entry_facts *f,
				struct km_diagnosis *d);

/* Objects in the caches that mmu_topup_memory_caches() fills. */
struct km_topup_facts {
	struct km_val pte_list, shadow_page, page_header;
};

bool km_rule_topup_fails(const struct km_case *c, const struct km_topup_facts *f,
			 struct km_diagnosis *d);

/* TDX: what TDH.VP.ENTER returned last, and whether vCPUs have to wait for a change of the S-EPT.
 */
struct km_sept_facts {
	struct km_val vp_enter_ret, wait_for_zap;
};

bool km_rule_sept_busy(const struct km_case *c, const struct km_sept_facts *f,
		       struct km_diagnosis *d);

/* @exit_reason: kvm_run. */
bool km_rule_emulation_fails(const struct km_case *c, struct km_val exit_reason,
			     struct km_diagnosis *d);

/* @used and @max: shadow pages of the VM. */
bool km_rule_shadow_page_quota(const struct km_case *c, struct km_val used, struct km_val max,
			       struct km_diagnosis *d);

struct km_hwpoison_facts {
	struct km_val poisoned; /* the host page of the fault's is marked: 1, not: 0 */
	uint64_t pte;		/* of the host, from which that follows */
	bool pte_present;
	struct km_val blocked, pending, ignored; /* SIGBUS, in the vCPU's thread */
};

/* @held: the lock that it waits for, and what is known about it; zeroed if it is not known. */
bool km_rule_lock_stall(const struct km_case *c, const struct km_held_lock *held,
			struct km_diagnosis *d);

bool km_rule_hwpoison(const struct km_case *c, const struct km_hwpoison_facts *f,
		      struct km_diagnosis *d);
bool km_rule_hwpoison_without_fault(const struct km_case *c, const struct km_hwpoison_facts *f,
				    struct km_diagnosis *d);

#endif
