// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * arch.mmu points to the context of nested guests while the vCPU runs no nested guest (or vice
 * versa, with nested paging): KVM resolves faults in tables that the processor does not use.
 */
#include "kernel/more_evidence.h"
#include "diagnose/diagnose_rules.h"

#include <inttypes.h>

/* Functions in which KVM switches between the contexts: there, arch.mmu and the mode may differ. */
static bool is_switching(const struct km_case *c)
{
	static const char *const functions[] = {
		"nested_vmx_enter_non_root_mode",
		"nested_vmx_vmexit",
		"__nested_vmx_vmexit",
		"nested_vmx_load_cr3",
		"vmx_set_nested_state",
		"vmx_leave_nested",
		"enter_svm_guest_mode",
		"nested_svm_vmexit",
		"nested_svm_vmrun",
		"svm_set_nested_state",
		"svm_leave_nested",
		"kvm_arch_vcpu_ioctl",
		NULL,
	};

	return km_case_in_any(c, functions);
}

bool km_rule_mmu_context_mismatch(const struct km_case *c, struct km_val guest_mode,
				  struct km_diagnosis *d)
{
	const struct km_mmu *active = c->all.active;

	if (!active || strcmp(active->name, "guest_mmu") ||
	    (km_is_known(guest_mode) && guest_mode.v))
		return false;
	if (!km_is_known(guest_mode)) {
		if (guest_mode.known == KM_UNREADABLE)
			d->missing = "whether it runs a nested guest is not known";
		return false;
	}
	d->certainty = is_switching(c) ? KM_NOTE : KM_LIKELY;
	d->stuck = d->certainty != KM_NOTE;
	km_verdict_says(
		d, "arch.mmu is the context for nested guests, but the vCPU is not running a "
		   "nested guest: KVM resolves faults in tables that the processor does not use");
	km_evidence(d, "arch.mmu 0x%" PRIx64 " is guest_mmu; stat.guest_mode is 0", active->addr);
	km_evidence_counters(c, d);
	return true;
}

bool km_diagnose_mmu_context_mismatch(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_mmu *active = c->all.active;

	if (!active || strcmp(active->name, "guest_mmu"))
		return false;
	return km_rule_mmu_context_mismatch(
		c, km_more_evidence(c->kernel, c->vcpu->addr, KM_M_kvm_vcpu_guest_mode), d);
}
