// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The fault is not known, and KVM's emulator failed on most instructions: KVM_RUN ends with
 * KVM_EXIT_INTERNAL_ERROR each time, and a VMM that runs the vCPU again gets the same exit
 * immediately. handle_emulation_failure() of arch/x86/kvm/x86.c. Where the fault is known, the
 * conditions about its gfn report it.
 */
#include "diagnose/diagnose_rules.h"

#include <inttypes.h>

bool km_rule_emulation_fails(const struct km_case *c, struct km_val exit_reason,
			     struct km_diagnosis *d)
{
	bool notified = km_is_known(exit_reason) && exit_reason.v == KVM_EXIT_INTERNAL_ERROR;

	if (km_case_has_fault(c) || km_case_counts(c).balance != KM_BALANCE_FAILED)
		return false;
	d->certainty = KM_POSSIBLE;
	d->stuck = true;
	km_verdict_says(d, "KVM could not emulate most of the instructions that need emulation: "
			   "they access MMIO, a read-only memslot or a shadowed page table");
	km_evidence(d, "stat.insn_emulation %" PRIu64 ", insn_emulation_fail %" PRIu64,
		    c->insn_emulation.v, c->insn_emulation_fail.v);
	if (notified)
		km_evidence(d, "kvm_run.exit_reason is KVM_EXIT_INTERNAL_ERROR: the VMM was "
			       "notified");
	km_evidence_counters(c, d);
	km_leaves_open(d, "which access it is: the last fault is not known");
	return true;
}

bool km_diagnose_emulation_fails(const struct km_case *c, struct km_diagnosis *d)
{
	if (km_case_has_fault(c) || km_case_counts(c).balance != KM_BALANCE_FAILED)
		return false;
	return km_rule_emulation_fails(c, km_private_facts_read(c).exit_reason, d);
}
