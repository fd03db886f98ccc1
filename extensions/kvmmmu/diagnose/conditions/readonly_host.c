// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The VMM's own mapping forbids writing: KVM cannot get the page for a write, and KVM_RUN fails
 * with -EFAULT. A clear host-writable bit alone is nothing unusual: the zero page and copy-on-write
 * look like that until the first write.
 */
#include "diagnose/diagnose_rules.h"

#include <inttypes.h>

static bool is_readable_mapping(const struct km_vma *vma)
{
	return vma->known && vma->addr && km_is_known(vma->flags) && (vma->flags.v & VM_READ);
}

/* The fault is a write that the VMA forbids. */
static void judge_fault(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_walk_level *leaf = km_case_leaf(c);
	char vma[160];

	d->certainty = km_error_certainty(c);
	d->stuck = km_case_is_current(c);
	km_verdict_says(
		d, "the guest writes to a memslot whose memory the VMM maps read-only: KVM cannot "
		   "get the page, KVM_RUN fails with -EFAULT, and the guest does not advance");
	km_evidence(d, "memslot %" PRId64 " (not read-only), HVA 0x%" PRIx64, c->slot->id, c->hva);
	km_evidence(d, "%s: no VM_WRITE", km_vma_spell(&c->vma, vma, sizeof(vma)));
	if (leaf && !leaf->spte.host_writable)
		km_evidence(d, "SPTE 0x%" PRIx64 ": host-writable is clear", leaf->spte.value);
	km_evidence_counters(c, d);
	if (!km_case_in_handler(c))
		km_leaves_open(d, "how the VMM reacts to the error: it may be handling it now");
}

/* A write to a leaf that is not host-writable, and the VMA is not known. */
static bool judge_leaf(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_walk_level *leaf = km_case_leaf(c);

	if (!leaf || leaf->spte.host_writable || !c->slot ||
	    (c->slot->flags & (KVM_MEM_READONLY | KVM_MEMSLOT_INVALID | KVM_MEMSLOT_GMEM_ONLY)) ||
	    (c->error_code & PFERR_PRIVATE_ACCESS) || !km_case_is_write(c) ||
	    (c->vma.known && c->vma.addr && km_is_known(c->vma.flags)))
		return false;
	d->certainty = KM_NOTE;
	km_verdict_says(d, "the guest writes to a page that the host maps read-only: this is "
			   "usually copy-on-write, which KVM resolves");
	km_evidence(d, "SPTE 0x%" PRIx64 ": host-writable is clear", leaf->spte.value);
	km_leaves_open(d, "the VMM's mapping of 0x%" PRIx64 " is not readable (%s)", c->hva,
		       c->vma.trouble[0] ? c->vma.trouble : "nothing is mapped at this address");
	return true;
}

bool km_rule_readonly_host(const struct km_case *c, const struct km_slot_conflict *conflict,
			   struct km_diagnosis *d)
{
	const struct km_walk_level *leaf = km_case_leaf(c);

	if (conflict->slot && conflict->vma.addr && is_readable_mapping(&conflict->vma)) {
		km_conflict_says(c, conflict,
				 "maps the memory of a writable memslot read-only: writes to it "
				 "fail with -EFAULT",
				 d);
		return true;
	}
	if (leaf && leaf->spte.w)
		return false;
	if (km_case_is_write(c) && km_host_access(c) == KM_HOST_FORBIDS &&
	    is_readable_mapping(&c->vma)) {
		judge_fault(c, d);
		return true;
	}
	return judge_leaf(c, d);
}

bool km_diagnose_readonly_host(const struct km_case *c, struct km_diagnosis *d)
{
	struct km_slot_conflict conflict;

	km_slot_conflict_read(c, &conflict);
	return km_rule_readonly_host(c, &conflict, d);
}
