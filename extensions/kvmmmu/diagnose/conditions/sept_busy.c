// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TDX: a SEAMCALL failed because locks of the S-EPT were held. TDH.VP.ENTER holds them when the TDX
 * module suspects a zero-step attack, since a vCPU faulted at one RIP too often; then other vCPUs'
 * faults, which need them, are retried. A task that removes private memory keeps all vCPUs out of
 * the guest (wait_for_sept_zap) until it has them. tdx_handle_ept_violation(), tdh_do_no_vcpus()
 * and tdx_vcpu_run() of arch/x86/kvm/vmx/tdx.c.
 */
#include "diagnose/diagnose_rules.h"
#include "kernel/more_evidence.h"
#include "threads/freezing.h"

#include <inttypes.h>

/* arch/x86/include/asm/shared/tdx_errno.h */
#define STATUS	     0xffffffff00000000ULL
#define OPERAND_BUSY 0x8000020000000000ULL
#define OPERAND_SEPT 0x92

static bool is_tdx(const struct km_vm *vm)
{
	return km_is_known(vm->vm_type) && vm->vm_type.v == KM_VM_TDX;
}

/* A task that removes private memory. */
static const struct km_task *find_remover(const struct km_case *c, const char **function)
{
	static const char *const functions[] = {
		"tdx_sept_remove_leaf_spte",
		"tdx_sept_remove_private_spte",
		"tdx_sept_zap_private_spte",
		"tdx_sept_drop_private_spte",
		"tdx_track",
		NULL,
	};

	return c->vm->mm.v ? km_task_in_any(km_case_tasks(c), c->vm->mm.v, functions, function)
			   : NULL;
}

/* vCPUs wait for a task that removes private memory. */
static void judge_zap(const struct km_case *c, struct km_diagnosis *d)
{
	const char *function;
	const struct km_task *task = find_remover(c, &function);
	const struct km_tasks *tasks = km_case_tasks(c);
	bool all = km_is_known(c->vm->mm) && tasks && tasks->complete && !km_tasks_unseen(tasks);
	char who[64];

	/* it takes two SEAMCALLs */
	d->certainty = !task && all ? KM_POSSIBLE : KM_NOTE;
	km_verdict_says(d,
			"no vCPU of the VM enters the guest until private memory has been removed "
			"from the S-EPT%s",
			d->certainty == KM_POSSIBLE ? ", and no task was found that removes any"
						    : "");
	km_evidence(d, "kvm_tdx.wait_for_sept_zap is 1");
	if (task)
		km_evidence(d, "%s is in %s()", km_task_spell(task, who, sizeof(who)), function);
	km_leaves_open(d, "whether that lasts: it takes microseconds");
}

/* TDH.VP.ENTER did not enter the guest. */
static void judge_entry(const struct km_case *c, uint64_t ret, struct km_diagnosis *d)
{
	bool sept = (ret & 0xffffffff) == OPERAND_SEPT;

	d->certainty = km_most_are_lost(km_case_counts(c).balance) ? KM_POSSIBLE : KM_NOTE;
	km_verdict_says(d, "the TDX module did not enter the guest, because a lock is taken%s%s",
			sept ? ": it suspects a zero-step attack, and needs the S-EPT" : "",
			d->certainty == KM_POSSIBLE ? "; most faults of this vCPU were not resolved"
						    : "");
	km_evidence(d, "vcpu_tdx.vp_enter_ret 0x%" PRIx64 ": TDX_OPERAND_BUSY%s", ret,
		    sept ? ", operand SEPT" : "");
	km_evidence_counters(c, d);
	km_leaves_open(d, "whether that lasts: KVM enters again; a second sample shows it");
}

bool km_rule_sept_busy(const struct km_case *c, const struct km_sept_facts *f,
		       struct km_diagnosis *d)
{
	if (!is_tdx(c->vm))
		return false;
	if (km_is_known(f->wait_for_zap) && f->wait_for_zap.v)
		judge_zap(c, d);
	else if (km_is_known(f->vp_enter_ret) && (f->vp_enter_ret.v & STATUS) == OPERAND_BUSY)
		judge_entry(c, f->vp_enter_ret.v, d);
	else
		return false;
	d->apart = true;
	d->stuck = d->advise = d->certainty != KM_NOTE;
	if (km_case_in(c, "tdx_handle_ept_violation"))
		km_evidence(d,
			    "its thread is in tdx_handle_ept_violation(), which retries faults on "
			    "private memory without leaving KVM");
	return true;
}

/* A member of the structure that contains what is at @addr; KM_ABSENT without type information. */
static struct km_val read_outer(const struct km_case *c, uint64_t addr, enum km_member_id inner,
				enum km_member_id id)
{
	const struct km_member *outer = km_layout_member(c->kernel->layout, inner);

	if (!outer)
		return (struct km_val){.known = KM_ABSENT};
	return km_more_evidence(c->kernel, addr - outer->offset, id);
}

bool km_diagnose_sept_busy(const struct km_case *c, struct km_diagnosis *d)
{
	struct km_sept_facts f;

	if (!is_tdx(c->vm))
		return false;
	f.vp_enter_ret =
		read_outer(c, c->vcpu->addr, KM_M_vcpu_tdx_vcpu, KM_M_vcpu_tdx_vp_enter_ret);
	f.wait_for_zap =
		read_outer(c, c->vm->addr, KM_M_kvm_tdx_kvm, KM_M_kvm_tdx_wait_for_sept_zap);
	return km_rule_sept_busy(c, &f, d);
}
