// SPDX-License-Identifier: GPL-2.0-or-later
/* The rule for "healthy": what is not known is not healthy. README.md describes it. */
#include "diagnose/counters.h"
#include "diagnose/evidence.h"
#include "diagnose/state.h"

#include <string.h>

#define RMP_BITS (PFERR_GUEST_RMP_MASK | PFERR_GUEST_SIZEM_MASK | PFERR_GUEST_VMPL_MASK)

static bool is_unreadable(struct km_val val)
{
	return val.known == KM_UNREADABLE;
}

/* What the conditions that need no fault read in struct kvm. */
static const char *missing_of_vm(const struct km_vm *vm)
{
	if (is_unreadable(vm->vm_dead))
		return "whether the VM is dead is not known";
	if (is_unreadable(vm->mmu_invalidate_in_progress))
		return "whether an invalidation is in progress is not known";
	return NULL;
}

/* Whether the root is obsolete, and whether it will be replaced. */
static const char *missing_of_root(const struct km_case *c)
{
	const struct km_mmu_page *root = &c->root;

	if (!km_is_known(c->mmu->root.hpa) || !root->known)
		return "the root of its MMU is not readable";
	if (!root->addr)
		return NULL;
	if (!root->role_known || is_unreadable(root->tdp_mmu_page) ||
	    (!root->tdp_mmu_page.v && is_unreadable(c->vm->mmu_valid_gen)))
		return "whether the root of its MMU is obsolete is not known";
	return NULL;
}

static const char *missing_of_thread(const struct km_case *c)
{
	if (!km_is_known(c->vcpu->task))
		return "which thread runs it is not known";
	if (!c->vcpu->task.v)
		return "the thread that ran it is gone";
	if (!km_is_known(c->vcpu->task_state))
		return "the state of its thread is not readable";
	if (!c->last.has_stack || !c->last.stack.count)
		return "the stack of its thread is not readable";
	if (c->last.stack.pages_missing)
		return "parts of its thread's stack are not readable";
	return NULL;
}

static const char *missing_of_tables(const struct km_case *c)
{
	const struct km_perm_table *table = km_spte_table(&c->all, c->mmu);

	if (table && table->status == KM_TABLE_UNREADABLE)
		return "the permission table that KVM consults is not readable";
	return NULL;
}

/* Where no fault is judged, the tables below its root are searched instead. */
static const char *missing_of_audit(const struct km_case *c)
{
	if (!km_case_is_current(c) && c->audit.done && c->audit.unreadable)
		return "a page table below its root is not readable";
	return NULL;
}

/* What is missing of the evidence about a vCPU. */
static const char *missing(const struct km_case *c, const struct km_explanation *e)
{
	const char *gap;

	if (!c->mmu || !c->mmu->readable)
		return "its MMU is not readable";
	if (!c->kernel->features.spte_known)
		return "the SPTEs of this kernel cannot be read";
	if (!km_is_known(c->vcpu->mode) || !km_is_known(c->vcpu->requests))
		return "its mode and requests are not readable";
	if (c->has_walk && c->walk.end == KM_END_UNREADABLE)
		return "a page table of its last fault is not readable";
	if (!c->slots_known)
		return "some of its memslots are not readable";
	/* faults on MMIO SPTEs count as exits only where the emulator fails on them */
	if ((is_unreadable(c->insn_emulation) || is_unreadable(c->insn_emulation_fail)) &&
	    km_exits_are_unexplained(&c->vcpu->stats))
		return "whether the emulator failed is not known";
	gap = missing_of_thread(c);
	if (!gap)
		gap = missing_of_vm(c->vm);
	if (!gap)
		gap = missing_of_root(c);
	if (!gap)
		gap = missing_of_tables(c);
	if (!gap)
		gap = missing_of_audit(c);
	return gap ? gap : e->missing;
}

bool km_root_is_damaged(const struct km_case *c)
{
	return !km_case_is_current(c) && (c->audit.reserved.found || c->audit.weak.found);
}

/* A contradiction that may be why a vCPU makes no progress, although nothing shows that it is. */
static const char *contradiction(const struct km_case *c, const struct km_explanation *e)
{
	for (size_t i = 0; i < e->count; i++) {
		if (e->found[i].certainty >= KM_POSSIBLE)
			return "the finding below may still stop it";
		if (!strcmp(e->found[i].id, "map-zap-livelock"))
			return "its page may be zapped again before the guest uses it";
	}
	for (size_t i = 0; i < c->all.table_count; i++) {
		if (c->all.tables[i].status == KM_TABLE_DIFFERS)
			return "a permission table differs from its role";
	}
	if (km_root_is_damaged(c))
		return "an SPTE below its root is damaged";
	return NULL;
}

/* What contradicts it in the counters, considering the last exit. */
static const char *doubt_of_counters(const struct km_case *c)
{
	switch (km_case_counts(c).balance) {
	case KM_BALANCE_UNKNOWN:
		return km_faults_are_counted(c->vcpu->stats.pf_taken)
			       ? "its page-fault counters are not known"
			       : KM_FAULTS_NOT_COUNTED;
	case KM_BALANCE_RETRIED:
		return "most of its faults were not resolved";
	case KM_BALANCE_SPURIOUS:
		return "most of its faults were spurious";
	case KM_BALANCE_FAILED:
		return "the emulator failed on most of its instructions";
	case KM_BALANCE_OPEN:
		if (!km_case_halted(c))
			return "the unresolved faults could be a loop";
		break;
	case KM_BALANCE_CLEAN:
		break;
	}
	return NULL;
}

/* Evidence for it: a fault that is resolved, or a last exit that was no fault. */
static const char *no_evidence(const struct km_case *c, enum km_exit_evidence exit)
{
	if (km_case_is_current(c) && (c->error_code & RMP_BITS))
		return "the RMP denied the access of its last fault, and the RMP is not in the "
		       "dump";
	if (km_case_is_current(c) && c->has_path)
		return NULL;
	switch (exit) {
	case KM_SHOWS_UNKNOWN:
		return km_is_known(c->last.exit_code)
			       ? "its last exit does not show that the guest executes instructions"
			       : "its last exit is not known";
	case KM_SHOWS_FAULT:
		return "its last exit was a page fault, but the fault is not known";
	case KM_SHOWS_ASYNCHRONOUS:
	case KM_SHOWS_INSTRUCTION:
		break;
	}
	return NULL;
}

const char *km_doubt_about_health(const struct km_case *c, const struct km_explanation *e)
{
	enum km_exit_evidence exit = km_case_exit_evidence(c);
	const char *doubt = missing(c, e);

	if (!doubt)
		doubt = contradiction(c, e);
	if (!doubt)
		doubt = doubt_of_counters(c);
	return doubt ? doubt : no_evidence(c, exit);
}
