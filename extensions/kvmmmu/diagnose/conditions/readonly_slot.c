// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A write to a read-only memslot: KVM emulates it and the VMM gets an MMIO exit; flash and ROM work
 * like that. Where KVM cannot emulate, the guest faults again and again: SEV-ES and later
 * (svm_check_emulate_instruction()), up to 6.11 writes by the processor's walk of the guest's page
 * tables (kvm_mmu_page_fault()), and the delivery of an event whose stack lies there.
 */
#include "diagnose/diagnose_rules.h"

#include <inttypes.h>

bool km_rule_readonly_slot(const struct km_case *c, const struct km_emulation_facts *f,
			   struct km_diagnosis *d)
{
	bool encrypted = f->sev == KM_SEV_ES;
	bool event = km_is_known(f->event) && f->event.v;
	bool fails = km_emulator_fails(c);
	bool walk = f->unprotect == KM_UNPROTECT_ALWAYS && km_is_write_to_guest_page_table(c);

	if (!km_case_has_fault(c) || !c->slot || !(c->slot->flags & KVM_MEM_READONLY) ||
	    !km_case_is_write(c))
		return false;
	d->certainty = KM_NOTE;
	if (encrypted || walk)
		d->certainty = km_case_in_handler(c) ? KM_LIKELY : KM_POSSIBLE;
	else if (fails)
		d->certainty = km_failure_certainty(c, f);
	else if (event)
		d->certainty = KM_POSSIBLE;
	d->stuck = encrypted || walk || fails || event;
	if (!d->stuck) /* flash and ROM work like that */
		d->advise = false;
	d->known = encrypted ? KM_BIT(KM_WHEN_ENCRYPTED) : walk ? KM_BIT(KM_WHEN_GUEST_WALK) : 0;
	km_verdict_says(d, "the guest writes to read-only memslot %" PRId64 "%s", c->slot->id,
			encrypted ? ": KVM cannot emulate the write of an encrypted guest, which "
				    "keeps faulting"
			: walk	  ? ", during a walk of its page tables: this kernel keeps "
				    "re-entering the guest without emulating the write"
			: fails	  ? ", and KVM cannot emulate the instruction: KVM_RUN returns an "
				    "internal error, or the guest receives #UD"
			: event	  ? ", during the delivery of an event, which KVM cannot emulate"
				  : ": KVM emulates the write, and the VMM receives an MMIO exit");
	km_evidence(d,
		    "memslot %" PRId64 ": flags 0x%" PRIx64 " with KVM_MEM_READONLY, gfn 0x%" PRIx64
		    ", %" PRIu64 " pages; the fault's gfn is 0x%" PRIx64,
		    c->slot->id, c->slot->flags, c->slot->base_gfn, c->slot->npages, c->gfn);
	km_evidence(d, "error code 0x%" PRIx64 ": a write", c->error_code);
	if (encrypted)
		km_evidence(d, "the guest's registers are encrypted (vm_type or "
			       "sev_info.es_active)");
	if (walk)
		km_evidence(d, "the error code has GUEST_PAGE, W and P, and this kernel has "
			       "kvm_mmu_unprotect_page(): it returns to the guest in any case");
	if (event)
		km_evidence(d, "the exit occurred during the delivery of an event (exit_int_info, "
			       "or an event that is to be reinjected)");
	km_evidence_emulation(c, f, d);
	if (f->sev == KM_SEV_UNKNOWN)
		km_leaves_open(d,
			       "whether this is an SEV-ES guest, whose writes KVM cannot emulate");
	else if (d->stuck && d->certainty < KM_LIKELY)
		km_leaves_open(d,
			       "whether the vCPU still faults: the fault may have been resolved");
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
