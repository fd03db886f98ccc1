// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KVM has given the VM up. kvm_vm_dead(), kvm_vm_bugged() of include/linux/kvm_host.h: every ioctl
 * on the VM and its vCPUs answers -EIO from then on, and every vCPU gets KVM_REQ_VM_DEAD.
 */
#include "diagnose_rules.h"

#include <inttypes.h>

bool km_diagnose_vm_dead(const struct km_case *c, struct km_diagnosis *d)
{
	bool dead = km_is_known(c->vm->vm_dead) && c->vm->vm_dead.v;
	bool bugged = km_is_known(c->vm->vm_bugged) && c->vm->vm_bugged.v;
	struct km_val requests = c->vcpu->requests;
	char is_dead[KM_VAL_TEXT], is_bugged[KM_VAL_TEXT];
	bool told = km_is_known(requests) && (requests.v & KM_BIT(KVM_REQ_VM_DEAD));
	bool ran = !km_is_known(c->vcpu->task) || c->vcpu->task.v;
	/* vm_dead is asked when KVM_RUN is called, the request before the guest is entered */
	bool runs_on = km_is_known(requests) && !told && km_case_in(c, "kvm_arch_vcpu_ioctl_run");
	const char *why = bugged ? " after it found a bug of its own" : "";

	if (!dead && !bugged)
		return false;
	d->certainty = KM_PROVEN;
	d->stuck = true;
	if (bugged && !dead) {
		km_verdict_says(d, "the VM is marked as bugged and not as dead: KVM sets both, one "
				   "right after the other");
		d->certainty = KM_POSSIBLE;
		d->stuck = false;
	} else if (!ran || runs_on) {
		km_verdict_says(d, "KVM has declared the VM dead%s; this vCPU %s", why,
				ran ? "was not told and may run on until it leaves KVM_RUN"
				    : "has never run, and never will");
		d->certainty = KM_NOTE;
		d->stuck = false;
	} else {
		km_verdict_says(d,
				"KVM has declared the VM dead%s: none of its vCPUs runs again, "
				"each KVM_RUN answers -EIO",
				why);
	}
	km_evidence(d, "kvm.vm_dead %s, kvm.vm_bugged %s",
		    km_val_spell(c->vm->vm_dead, false, is_dead),
		    km_val_spell(c->vm->vm_bugged, false, is_bugged));
	if (told)
		km_evidence(d, "KVM_REQ_VM_DEAD is pending in vcpu.requests 0x%" PRIx64,
			    requests.v);
	if (!km_case_in_prefault(c))
		d->known_cases = NULL;
	else
		km_evidence(d, "its thread is in the loop of KVM_PRE_FAULT_MEMORY, which has asked "
			       "for KVM_REQ_VM_DEAD only since 2025");
	if (dead && !bugged)
		km_leaves_open(d, "what killed it: moving an SEV guest to another VM does (its "
				  "source is dead from then on), so do SMM that can't be entered "
				  "and a TDX guest's use of a page it has not accepted");
	return true;
}
