// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * After KVM_SET_NESTED_STATE, KVM loads from the guest's memory what the entry of the nested guest
 * needs (KVM_REQ_GET_NESTED_STATE_PAGES: bitmaps, PDPTEs, an enlightened VMCS). If that fails,
 * KVM_RUN returns KVM_EXIT_INTERNAL_ERROR, and makes the request again: so does the next one, until
 * the memory can be read. vcpu_enter_guest() of arch/x86/kvm/x86.c; 6.1 does not make it again.
 */
#include "kernel/more_evidence.h"
#include "diagnose/diagnose_rules.h"

#include <inttypes.h>

static bool is_requested(const struct km_case *c)
{
	return km_is_known(c->vcpu->requests) &&
	       (c->vcpu->requests.v & KM_BIT(KVM_REQ_GET_NESTED_STATE_PAGES));
}

bool km_rule_nested_entry_fails(const struct km_case *c, const struct km_nested_entry_facts *f,
				struct km_diagnosis *d)
{
	bool told = km_is_known(f->exit_reason) && f->exit_reason.v == KVM_EXIT_INTERNAL_ERROR;

	if (!is_requested(c) || !km_is_known(f->guest_mode) || !f->guest_mode.v)
		return false;
	/* right after KVM_SET_NESTED_STATE it is pending, too */
	d->certainty = told ? KM_POSSIBLE : KM_NOTE;
	d->apart = true;
	d->stuck = d->advise = told;
	km_verdict_says(d,
			"the nested guest's entry is not complete: KVM has yet to load its state "
			"from the guest's memory%s",
			told ? ", and failed to: KVM_RUN returns an internal error each time, "
			       "before the guest is entered"
			     : "");
	km_evidence(d,
		    "KVM_REQ_GET_NESTED_STATE_PAGES is pending in vcpu.requests 0x%" PRIx64
		    "; stat.guest_mode is 1",
		    c->vcpu->requests.v);
	if (told)
		km_evidence(d, "kvm_run.exit_reason is KVM_EXIT_INTERNAL_ERROR: the VMM was "
			       "notified");
	km_leaves_open(d, told ? "whether the error is the one of this entry; a second sample with "
				 "the same stat.exits shows that the guest is not entered"
			       : "whether the VMM runs the vCPU");
	return true;
}

bool km_diagnose_nested_entry_fails(const struct km_case *c, struct km_diagnosis *d)
{
	struct km_nested_entry_facts f;

	if (!is_requested(c))
		return false;
	f.guest_mode = km_more_evidence(c->kernel, c->vcpu->addr, KM_M_kvm_vcpu_guest_mode);
	f.exit_reason = km_private_facts_read(c).exit_reason;
	return km_rule_nested_entry_fails(c, &f, d);
}
