// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KVM has given up on the VM. kvm_vm_dead() and kvm_vm_bugged() of include/linux/kvm_host.h: every
 * ioctl on the VM and its vCPUs fails with -EIO from then on, and every vCPU gets KVM_REQ_VM_DEAD.
 * Up to 7.3.3 kvm_check_request() clears that request when a vCPU sees it: its absence means
 * nothing.
 */
#include "diagnose/diagnose_rules.h"

#include <inttypes.h>

#define EFER_LMA    KM_BIT(10)
#define X86_CR0_PG  KM_BIT(31)
#define X86_CR4_PAE KM_BIT(5)

static bool is_set(struct km_val val)
{
	return km_is_known(val) && val.v;
}

/*
 * What KVM calls a bug of its own: a guest in long mode without PAE, from which KVM would derive a
 * walk of more levels than the MMU has. The registers are in dumps only.
 */
static bool is_long_mode_without_pae(const struct km_vcpu *v)
{
	return km_is_known(v->cr0) && km_is_known(v->cr4) && km_is_known(v->efer) &&
	       (v->cr0.v & X86_CR0_PG) && (v->efer.v & EFER_LMA) && !(v->cr4.v & X86_CR4_PAE);
}

/* The guest's role has more levels than are possible with its size of entries. */
static const struct km_pagewalk *walk_too_deep(const struct km_vcpu_mmu *all)
{
	for (size_t i = 0; i < all->walk_count; i++) {
		const struct km_pagewalk *w = &all->walks[i];

		if (w->role_known && w->cpu_role.base.has_4_byte_gpte && w->cpu_role.base.level > 2)
			return w;
	}
	return NULL;
}

/* Return true if it is a known reason. */
static bool say_why(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_pagewalk *deep = walk_too_deep(&c->all);

	if (is_long_mode_without_pae(c->vcpu))
		km_evidence(d, "EFER.LMA is 1 and CR4.PAE is 0: KVM marks the VM as bugged, to "
			       "avoid a walk of more levels than the MMU has");
	else if (deep)
		km_evidence(
			d,
			"%s: level %u with 4-byte entries, which is more levels than the MMU has",
			deep->name, deep->cpu_role.base.level);
	else
		return false;
	return true;
}

bool km_diagnose_vm_dead(const struct km_case *c, struct km_diagnosis *d)
{
	bool bugged = is_set(c->vm->vm_bugged);
	/* kernels with vm_bugged only ask about that */
	bool dead = is_set(c->vm->vm_dead) || (bugged && c->vm->vm_dead.known == KM_ABSENT);
	struct km_val requests = c->vcpu->requests;
	struct km_request request = km_request_of_dead_vm(&c->kernel->features);
	bool requested = km_is_known(requests) && (requests.v & request.bits);
	bool ran = !km_is_known(c->vcpu->task) || c->vcpu->task.v;
	const char *why = bugged ? " after it detected a bug of its own" : "";
	char is_dead[KM_VAL_TEXT], is_bugged[KM_VAL_TEXT];

	if (!dead && !bugged && !requested)
		return false;
	d->certainty = dead ? KM_PROVEN : requested ? KM_LIKELY : KM_POSSIBLE;
	d->apart = true;
	d->stuck = dead || requested;
	if (!d->stuck) {
		km_verdict_says(d, "the VM is marked as bugged but not as dead: KVM sets both "
				   "flags, one directly after the other");
	} else if (!ran) {
		km_verdict_says(
			d, "KVM has declared the VM dead%s; this vCPU has never run and cannot run",
			why);
		d->certainty = KM_NOTE;
		d->stuck = false;
	} else {
		km_verdict_says(d,
				"KVM has declared the VM dead%s: its vCPUs cannot run again, "
				"because each KVM_RUN fails with -EIO",
				why);
	}
	if (c->vm->vm_dead.known == KM_ABSENT)
		km_evidence(d, "kvm.vm_bugged %s",
			    km_val_spell(c->vm->vm_bugged, false, is_bugged));
	else
		km_evidence(d, "kvm.vm_dead %s, kvm.vm_bugged %s",
			    km_val_spell(c->vm->vm_dead, false, is_dead),
			    km_val_spell(c->vm->vm_bugged, false, is_bugged));
	if (requested)
		km_evidence(d, "%s is pending in vcpu.requests 0x%" PRIx64, request.name,
			    requests.v);
	if (bugged && say_why(c, d))
		d->known |= KM_BIT(KM_WHEN_BUGGED);
	if (km_case_in_prefault(c))
		km_evidence(d, "its thread is in the loop of KVM_PRE_FAULT_MEMORY, which checks "
			       "for KVM_REQ_VM_DEAD only since 6.16");
	if (d->stuck && !requested && km_case_in(c, "kvm_arch_vcpu_ioctl_run")) {
		d->known |= KM_BIT(KM_WHEN_RUNS_ON);
		km_leaves_open(d, "whether the vCPU runs on until it leaves KVM_RUN: its request "
				  "was cleared, or did not reach it");
	} else if (d->stuck && !bugged) {
		km_leaves_open(
			d, "why KVM declared it dead: possible reasons are that an SEV guest was "
			   "moved to another VM (the source is then dead), that SMM could not be "
			   "entered, or that a TDX guest used a page that it had not accepted");
	}
	return true;
}
