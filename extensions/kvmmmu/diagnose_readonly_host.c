// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnosis.h"

/*
 * The VMM's own mapping forbids writing: KVM can't get the page for a write, and KVM_RUN returns
 * -EFAULT. Host-writable clear alone is no fault of anybody's: the zero page and copy-on-write look
 * like that until the first write.
 */
bool km_diagnose_readonly_host(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_walk_level *leaf = km_case_leaf(c);
	bool host_ro = leaf && !leaf->spte.host_writable;

	/* private memory has no host mapping to be read-only */
	if (!c->slot ||
	    (c->slot->flags & (KVM_MEM_READONLY | KVM_MEMSLOT_INVALID | KVM_MEMSLOT_GMEM_ONLY)) ||
	    (c->error_code & PFERR_PRIVATE_ACCESS) || !c->has_error_code ||
	    !(c->error_code & PFERR_WRITE_MASK) || (leaf && leaf->spte.w))
		return false;
	if (!c->vma.known || !c->vma.addr || !km_is_known(c->vma.flags)) {
		if (!host_ro)
			return false;
		d->certainty = KM_NOTE;
		km_verdict_says(d, "a write to a page that the host maps read-only: copy-on-write "
				   "as a rule, which KVM resolves");
		km_evidence(d, "SPTE 0x%" PRIx64 ": host-writable is clear", leaf->spte.value);
		km_leaves_open(d, "the VMM's mapping of 0x%" PRIx64 " is not readable (%s)", c->hva,
			       c->vma.trouble[0] ? c->vma.trouble : "nothing is mapped there");
		return true;
	}
	if (c->vma.flags.v & (VM_WRITE | VM_IO | VM_PFNMAP))
		return false;
	/* the mapping is as it is, whether the fault is being handled or was */
	d->certainty = km_case_is_current(c) ? KM_LIKELY : KM_POSSIBLE;
	d->stuck = km_case_is_current(c);
	km_verdict_says(
		d, "the guest writes to a memslot whose memory the VMM maps read-only: KVM "
		   "can't get the page, KVM_RUN returns -EFAULT, and the guest is where it was");
	km_evidence(d, "memslot %" PRId64 " (not read-only), HVA 0x%" PRIx64, c->slot->id, c->hva);
	km_evidence(d,
		    "VMA 0x%" PRIx64 " 0x%" PRIx64 "-0x%" PRIx64 ", vm_flags 0x%" PRIx64
		    ": no VM_WRITE",
		    c->vma.addr, c->vma.start.v, c->vma.end.v, c->vma.flags.v);
	if (host_ro)
		km_evidence(d, "SPTE 0x%" PRIx64 ": host-writable is clear", leaf->spte.value);
	km_evidence_counters(c, d);
	return true;
}
