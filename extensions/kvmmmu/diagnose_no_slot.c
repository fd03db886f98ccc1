// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * No memslot covers the gfn: MMIO, which KVM emulates or hands to the VMM. The guest hangs where
 * KVM can't emulate: in the delivery of an event, for an SEV guest without the bytes of the
 * instruction (svm_check_emulate_instruction()), and up to 6.11 for a write of the processor's own
 * to a page table there. Where KVM does not know the instruction, KVM_RUN returns
 * KVM_EXIT_INTERNAL_ERROR; a VMM that runs the vCPU all the same gets it back at once.
 */
#include "diagnose_rules.h"

#include <inttypes.h>

bool km_rule_no_slot(const struct km_case *c, const struct km_emulation_facts *f,
		     struct km_diagnosis *d)
{
	bool event = km_is_known(f->event) && f->event.v;
	bool no_bytes = f->sev == KM_SEV && km_is_known(f->insn_len) && !f->insn_len.v;
	bool fails = km_emulation_fails(f);
	const struct km_walk_level *last = c->has_walk ? km_walk_last(&c->walk) : NULL;
	bool walk = f->unprotect == KM_UNPROTECT_ALWAYS && km_is_write_to_guest_page_table(c);

	if (!km_case_has_fault(c) || !c->slots_known || !c->gfn_known || c->slot)
		return false;
	d->stuck = event || no_bytes || walk || fails;
	/* MMIO as it should be */
	if (!d->stuck && last && last->spte.kind == KM_SPTE_MMIO)
		return false;
	d->certainty = KM_NOTE;
	if (no_bytes || walk || fails)
		d->certainty = km_case_in_handler(c) ? KM_LIKELY : KM_POSSIBLE;
	else if (event)
		d->certainty = KM_POSSIBLE;
	d->known_cases = walk ? KM_KNOWN_UNPROTECT : NULL;
	if (!d->stuck)
		d->advice = NULL;
	km_verdict_says(d, "no memslot covers the fault's gfn%s",
			no_bytes ? ", and KVM can't emulate for an SEV guest without the bytes of "
				   "the instruction: it faults again, for ever"
			: walk	 ? ", the guest's page tables lie there: this kernel re-enters the "
				   "guest without emulating, for ever"
			: fails	 ? ", and KVM can't emulate the instruction: KVM_RUN ends with an "
				   "internal error, or the guest gets #UD"
			: event	 ? ", hit while an event was delivered: KVM can't emulate that"
				 : ": MMIO, emulated or handed to the VMM");
	km_evidence(d, "gfn 0x%" PRIx64 " is in none of the VM's %zu memslots", c->gfn,
		    c->slots.count);
	if (event)
		km_evidence(d, "the exit was in the delivery of an event (exit_int_info, or what "
			       "awaits reinjection)");
	if (no_bytes)
		km_evidence(d, "sev_info.active, and vmcb.control.insn_len is 0");
	if (walk)
		km_evidence(d,
			    "error code 0x%" PRIx64 " has GUEST_PAGE, W and P, and this kernel "
			    "has kvm_mmu_unprotect_page()",
			    c->error_code);
	km_evidence_emulation(f, d);
	if (event && !fails)
		km_leaves_open(d,
			       "whether the guest's IDT, TSS or stack was meant to be there, and "
			       "what the VMM does with the error");
	else if (d->stuck && d->certainty < KM_LIKELY)
		km_leaves_open(d, "whether it still faults: the fault may be over");
	return true;
}

bool km_diagnose_no_slot(const struct km_case *c, struct km_diagnosis *d)
{
	struct km_emulation_facts f;

	if (!km_case_has_fault(c) || !c->slots_known || !c->gfn_known || c->slot)
		return false;
	f = km_emulation_facts_read(c);
	return km_rule_no_slot(c, &f, d);
}
