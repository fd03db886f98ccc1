// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest's access is private and the gfn is shared, or vice versa: kvm_mmu_faultin_pfn() passes
 * it to the VMM (KVM_EXIT_MEMORY_FAULT), which has to convert the memory. Guests convert memory all
 * the time; the vCPU makes no progress if the VMM does not convert, or if the fast path handles the
 * fault before the attributes are checked (before 9db9a82f0b94 ("KVM: MMU: Disable fast path if
 * KVM_EXIT_MEMORY_FAULT is needed", 6.10)).
 */
#include "diagnose/diagnose_rules.h"

#include <inttypes.h>

/*
 * fault->is_private, if that is known. PFERR_PRIVATE_ACCESS is KVM's own bit: the exit itself has
 * only what the processor reports, and that only under SNP. For software-protected VMs KVM takes it
 * from the attributes.
 */
static bool is_private(const struct km_case *c, bool *private)
{
	const struct km_fault *fault = c->fault;
	struct km_val vm_type = c->vm->vm_type;

	if (fault->source == KM_FAULT_STACK && km_is_known(fault->pf.is_private)) {
		*private = fault->pf.is_private.v;
		return true;
	}
	*private = c->error_code & (PFERR_PRIVATE_ACCESS | PFERR_GUEST_ENC_MASK);
	return c->has_error_code && ((c->error_code & PFERR_PRIVATE_ACCESS) ||
				     (km_is_known(vm_type) && vm_type.v == KM_VM_SNP));
}

bool km_rule_private_mismatch(const struct km_case *c, const struct km_private_facts *f,
			      struct km_diagnosis *d)
{
	bool attribute = f->attributes.v & KVM_MEMORY_ATTRIBUTE_PRIVATE, private;
	bool told = km_is_known(f->exit_reason) && f->exit_reason.v == KVM_EXIT_MEMORY_FAULT;

	if (!is_private(c, &private) || !km_is_known(f->attributes) || private == attribute)
		return false;
	/* one moment of a conversion looks the same */
	d->certainty = km_case_in_handler(c) ? KM_POSSIBLE : KM_NOTE;
	d->stuck = d->certainty != KM_NOTE;
	km_verdict_says(d,
			"the guest's access is %s, the gfn is %s: KVM exits to the VMM, which has "
			"to convert the memory",
			private ? "private" : "shared", attribute ? "private" : "shared");
	km_evidence(d, "gfn 0x%" PRIx64 ": attributes 0x%" PRIx64 " in kvm.mem_attr_array", c->gfn,
		    f->attributes.v);
	if (c->has_error_code)
		km_evidence(d, "the fault's error code is 0x%" PRIx64, c->error_code);
	if (told)
		km_evidence(d,
			    "kvm_run.exit_reason is KVM_EXIT_MEMORY_FAULT: the VMM was notified");
	if (c->has_path && c->path.ret == KM_RET_PF_SPURIOUS)
		km_evidence(d, "the path ends in RET_PF_SPURIOUS: if the fast path does not check "
			       "attributes, the guest keeps faulting");
	km_leaves_open(d, "whether the VMM converts the memory: a second sample shows it");
	return true;
}

bool km_diagnose_private_mismatch(const struct km_case *c, struct km_diagnosis *d)
{
	struct km_private_facts f;

	if (!km_is_known(c->vm->has_private_mem) || !c->vm->has_private_mem.v ||
	    !km_case_has_fault(c) || !c->gfn_known)
		return false;
	f = km_private_facts_read(c);
	return km_rule_private_mismatch(c, &f, d);
}
