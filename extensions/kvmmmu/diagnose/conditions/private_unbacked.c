// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A private access to a gfn that is private, in a memslot without guest_memfd, or whose guest_memfd
 * the VMM has closed (kvm_gmem_release()): nothing can back it. kvm_mmu_faultin_pfn_gmem() fails
 * with -EFAULT (KVM_EXIT_MEMORY_FAULT). A hole that was punched into a guest_memfd is no obstacle:
 * kvm_gmem_get_pfn() allocates the page again.
 */
#include "diagnose/diagnose_rules.h"
#include "kernel/more_evidence.h"

#include <inttypes.h>

static bool is_private_access(const struct km_case *c)
{
	return c->has_error_code && (c->error_code & (PFERR_PRIVATE_ACCESS | PFERR_GUEST_ENC_MASK));
}

bool km_rule_private_unbacked(const struct km_case *c, struct km_val attributes,
			      struct km_val gmem_file, struct km_diagnosis *d)
{
	bool bound = c->slot && (c->slot->flags & (KVM_MEM_GUEST_MEMFD | KVM_MEMSLOT_GMEM_ONLY));
	bool closed = bound && km_is_known(gmem_file) && !gmem_file.v;

	if (!km_case_has_fault(c) || !is_private_access(c) || !c->slot || (bound && !closed) ||
	    !km_is_known(attributes) || !(attributes.v & KVM_MEMORY_ATTRIBUTE_PRIVATE))
		return false;
	d->certainty = km_case_in_handler(c) ? KM_LIKELY : KM_POSSIBLE;
	d->stuck = km_case_is_current(c);
	km_verdict_says(
		d, "the guest's access and the gfn are private, but %s: KVM_RUN fails with -EFAULT",
		closed ? "the VMM has closed the guest_memfd that backs them"
		       : "the memslot has no guest_memfd to back them");
	km_evidence(d, "memslot %" PRId64 ": flags 0x%" PRIx64 ", %s", c->slot->id, c->slot->flags,
		    closed ? "gmem.file is NULL" : "no KVM_MEM_GUEST_MEMFD");
	km_evidence(d, "gfn 0x%" PRIx64 ": attributes 0x%" PRIx64 " in kvm.mem_attr_array", c->gfn,
		    attributes.v);
	km_evidence_counters(c, d);
	return true;
}

bool km_diagnose_private_unbacked(const struct km_case *c, struct km_diagnosis *d)
{
	if (!km_case_has_fault(c) || !is_private_access(c) || !c->gfn_known || !c->slot ||
	    !km_is_known(c->vm->has_private_mem) || !c->vm->has_private_mem.v)
		return false;
	return km_rule_private_unbacked(
		c, km_gfn_attributes(c->kernel, c->vm, c->gfn),
		km_more_evidence(c->kernel, c->slot->addr, KM_M_kvm_memory_slot_gmem_file), d);
}
