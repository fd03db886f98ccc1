// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A write to a read-only memslot: KVM emulates it and the VMM gets an MMIO exit; flash and ROM work
 * like that. Where KVM can't emulate, the guest faults for ever: SEV-ES and its like
 * (svm_check_emulate_instruction()), and up to 6.11 writes of the processor's own to a page table
 * in the slot (kvm_mmu_page_fault()).
 */
#include "diagnose_rules.h"

#include <inttypes.h>

bool km_rule_readonly_slot(const struct km_case *c, const struct km_emulation_facts *f,
			   struct km_diagnosis *d)
{
	bool encrypted = f->sev == KM_SEV_ES;
	bool fails = km_emulation_fails(f);
	bool walk = f->unprotect == KM_UNPROTECT_ALWAYS && km_is_write_to_guest_page_table(c);

	if (!km_case_has_fault(c) || !c->slot || !(c->slot->flags & KVM_MEM_READONLY) ||
	    !km_case_is_write(c))
		return false;
	d->certainty = KM_NOTE;
	if (encrypted || walk || fails)
		d->certainty = km_case_in_handler(c) ? KM_LIKELY : KM_POSSIBLE;
	d->stuck = encrypted || walk || fails;
	if (!d->stuck) /* flash and ROM work like that */
		d->advice = NULL;
	/* the list has what concerns encrypted guests */
	if (walk && !encrypted)
		d->known_cases = KM_KNOWN_UNPROTECT;
	else if (!encrypted)
		d->known_cases = NULL;
	km_verdict_says(d, "the guest writes to read-only memslot %" PRId64 "%s", c->slot->id,
			encrypted ? ": KVM can't emulate for an encrypted guest and lets it fault "
				    "again, for ever"
			: walk	  ? ", through its page tables: this kernel re-enters the guest "
				    "without emulating, for ever"
			: fails	  ? ", and KVM can't emulate the instruction: KVM_RUN ends with an "
				    "internal error, or the guest gets #UD"
				  : ": emulated, the VMM gets an MMIO exit");
	km_evidence(d,
		    "memslot %" PRId64 ": flags 0x%" PRIx64 " with KVM_MEM_READONLY, gfn 0x%" PRIx64
		    ", %" PRIu64 " pages; the fault's gfn is 0x%" PRIx64,
		    c->slot->id, c->slot->flags, c->slot->base_gfn, c->slot->npages, c->gfn);
	km_evidence(d, "error code 0x%" PRIx64 ": a write", c->error_code);
	if (encrypted)
		km_evidence(d, "by vm_type or sev_info.es_active the guest's registers are "
			       "encrypted");
	if (walk)
		km_evidence(d, "the error code has GUEST_PAGE, W and P, and this kernel has "
			       "kvm_mmu_unprotect_page(): it returns to the guest in any case");
	km_evidence_emulation(f, d);
	if (f->sev == KM_SEV_UNKNOWN)
		km_leaves_open(d, "whether the guest is SEV-ES: for one KVM can't emulate");
	else if (d->stuck && d->certainty < KM_LIKELY)
		km_leaves_open(d, "whether it still faults: the fault may be over");
	return true;
}

bool km_diagnose_readonly_slot(const struct km_case *c, struct km_diagnosis *d)
{
	struct km_emulation_facts f;

	if (!km_case_has_fault(c) || !c->slot || !(c->slot->flags & KVM_MEM_READONLY))
		return false;
	f = km_emulation_facts_read(c);
	return km_rule_readonly_slot(c, &f, d);
}
