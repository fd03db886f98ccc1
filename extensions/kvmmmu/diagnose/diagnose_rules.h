/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rows of the catalogue in two halves: what a row reads of the target beyond the case, and the rule
 * over both, which is pure. km_diagnose_NAME() does one after the other; tests call the rule.
 */
#ifndef KVMMMU_DIAGNOSE_RULES_H
#define KVMMMU_DIAGNOSE_RULES_H

#include "diagnosis.h"
#include "gfn_state.h"
#include "invalidation.h"
#include "svm.h"
#include "vm_locks.h"

/* SEV guests, also those that were made with KVM_SEV_INIT and have the default vm_type. */
enum km_sev {
	KM_SEV_UNKNOWN,
	KM_SEV_NONE,
	KM_SEV,	   /* memory is encrypted, registers are not */
	KM_SEV_ES, /* SEV-ES, SNP; TDX counts as one: KVM can't emulate for it either */
};

enum km_sev km_vm_sev(const struct km_kernel *kernel, const struct km_vm *vm);

/*
 * Up to 6.11 kvm_mmu_page_fault() "unprotected" the gfn and re-entered the guest whenever a write
 * to a guest page table was to be emulated, whether that changed anything or not.
 */
enum km_unprotect {
	KM_UNPROTECT_UNKNOWN,
	KM_UNPROTECT_ALWAYS,  /* kvm_mmu_unprotect_page() */
	KM_UNPROTECT_IF_DONE, /* __kvm_mmu_unprotect_gfn_and_retry(), 6.12 */
};

/* What ended that. */
#define KM_KNOWN_UNPROTECT                                                                         \
	"989a84c93f59 (6.12) \"Trigger unprotect logic only on write-protection page faults\", "   \
	"2fb2b7877b3a (6.12); made by 147277540bbc"

enum km_unprotect km_unprotect_style(const struct km_kernel *kernel);

/* Is it a processor's write to a page table of the guest's, on a direct MMU? */
bool km_is_write_to_guest_page_table(const struct km_case *c);

/* kvm_arch.vm_type, arch/x86/include/uapi/asm/kvm.h */
enum {
	KM_VM_SW_PROTECTED = 1,
	KM_VM_SEV,
	KM_VM_SEV_ES,
	KM_VM_SNP,
	KM_VM_TDX,
};

/* kvm_run.exit_reason, include/uapi/linux/kvm.h */
#define KVM_EXIT_INTERNAL_ERROR 17
#define KVM_EXIT_MEMORY_FAULT	39

/* "vm-vmm tid 134", of a task; into @buf. Returns @buf. */
char *km_task_spell(const struct km_task *task, char *buf, size_t size);

/* Is it asleep, on no CPU? Not of itself will it go on then. */
bool km_task_sleeps(const struct km_task *task);

/* The innermost function that is not the scheduler's; "?" if its stack is not known. */
const char *km_task_stands_in(const struct km_task *task);

/* Does the thread of the vCPU's stand in @function? */
bool km_case_in(const struct km_case *c, const char *function);

/*
 * Does it stand in the loop of KVM_PRE_FAULT_MEMORY? That one goes on while the answer is
 * RET_PF_RETRY, looks at no request of the vCPU but VM_DEAD (2025), and holds kvm.srcu.
 */
bool km_case_in_prefault(const struct km_case *c);

/*
 * Is there a fault to judge: one that is handled now, the last exit, or one that the user gave?
 * Only the first can be more than possible.
 */
static inline bool km_case_has_fault(const struct km_case *c)
{
	return km_case_is_current(c) || (c->fault && c->fault->source == KM_FAULT_USER);
}

/* Is the fault a write? */
bool km_case_is_write(const struct km_case *c);

/* --- */

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
/* Does the range cover the fault's gfn (hva)? */
enum km_covers km_invalidate_covers_case(const struct km_case *c,
					 const struct km_invalidate_facts *f);
/* As a fact: the page of the fault, as ranges of @unit name it, if that is known. */
void km_evidence_page(const struct km_case *c, enum km_range_unit unit, struct km_diagnosis *d);
bool km_rule_invalidate_in_progress(const struct km_case *c, const struct km_invalidate_facts *f,
				    struct km_diagnosis *d);
bool km_rule_invalidate_leaked(const struct km_case *c, const struct km_invalidate_facts *f,
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
	struct km_val emulated, failed;	     /* stat.insn_emulation, insn_emulation_fail */
	struct km_shadow_pages shadow;	     /* of the gfn */
	struct km_val write_track;	     /* of the gfn */
	struct km_val retry_eip, retry_addr; /* arch.last_retry_* */
};

struct km_emulation_facts km_emulation_facts_read(const struct km_case *c);
/* Does the emulator fail as a rule with what this vCPU hands to it? */
bool km_emulation_fails(const struct km_emulation_facts *f);
/* As facts: how often, and what the VMM was told. */
void km_evidence_emulation(const struct km_emulation_facts *f, struct km_diagnosis *d);
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

struct km_root_facts {
	struct km_mmu_page sp; /* of the root */
	struct km_vm_locks locks;
};

bool km_rule_obsolete_root(const struct km_case *c, const struct km_root_facts *f,
			   struct km_diagnosis *d);

struct km_mmio_facts {
	struct km_val gfn, gen; /* what the vCPU's MMIO cache has: arch.mmio_gfn, mmio_gen */
};

/* @on: nx_huge_pages of the module. */
bool km_rule_nx_huge_page(const struct km_case *c, struct km_val on, struct km_diagnosis *d);

bool km_rule_mmio_generation(const struct km_case *c, const struct km_mmio_facts *f,
			     struct km_diagnosis *d);

struct km_hwpoison_facts {
	struct km_val poisoned; /* the host page of the fault's is marked: 1, not: 0 */
	uint64_t pte;		/* of the host, from which that follows */
	bool pte_present;
	struct km_val blocked, pending, ignored; /* SIGBUS, in the vCPU's thread */
};

/* @held: what it waits for, where KVM or its mm tell; zeroed where they don't. */
bool km_rule_lock_stall(const struct km_case *c, const struct km_held_lock *held,
			struct km_diagnosis *d);

bool km_rule_hwpoison(const struct km_case *c, const struct km_hwpoison_facts *f,
		      struct km_diagnosis *d);

#endif
