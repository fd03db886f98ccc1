// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * No memslot covers the gfn: MMIO, which KVM emulates or hands to the VMM. The guest makes no
 * progress where KVM cannot emulate: in the delivery of an event, and for an SEV guest without the
 * bytes of the instruction (svm_check_emulate_instruction()). Where KVM does not know the
 * instruction, KVM_RUN returns KVM_EXIT_INTERNAL_ERROR; a VMM that runs the vCPU again gets the
 * same exit immediately.
 */
#include "diagnose/diagnose_rules.h"

#include <inttypes.h>

/* Why KVM cannot emulate the access. */
enum obstacle {
	NONE,
	NO_BYTES, /* an SEV guest, without the bytes of the instruction: re-entered */
	INJECTED, /* the same, but KVM injects #GP or a triple fault instead */
	FAILS,	  /* KVM does not know the instruction */
	EVENT,	  /* in the delivery of an event */
};

static enum obstacle obstacle(const struct km_case *c, const struct km_emulation_facts *f)
{
	bool no_bytes = f->sev == KM_SEV && km_is_known(f->insn_len) && !f->insn_len.v;

	if (no_bytes)
		return km_sev_without_bytes(c, f) == KM_SEV_INJECTS ? INJECTED : NO_BYTES;
	if (km_emulator_fails(c))
		return FAILS;
	return km_is_known(f->event) && f->event.v ? EVENT : NONE;
}

static enum km_certainty certainty(const struct km_case *c, const struct km_emulation_facts *f,
				   enum obstacle why)
{
	switch (why) {
	case NO_BYTES:
		if (km_sev_without_bytes(c, f) != KM_SEV_LOOPS)
			return KM_POSSIBLE;
		return km_case_in_handler(c) ? KM_LIKELY : KM_POSSIBLE;
	case FAILS:
		return km_failure_certainty(c, f);
	case EVENT:
		return KM_POSSIBLE;
	case INJECTED:
	case NONE:
		break;
	}
	return KM_NOTE;
}

static const char *consequence(enum obstacle why)
{
	switch (why) {
	case NO_BYTES:
		return ", and KVM cannot emulate the access of an SEV guest without the bytes of "
		       "the instruction: the guest keeps faulting";
	case INJECTED:
		return ", and KVM cannot emulate the access of an SEV guest without the bytes of "
		       "the instruction: it injects #GP, or a triple fault in kernel mode (erratum "
		       "1096)";
	case FAILS:
		return ", and KVM cannot emulate the instruction: KVM_RUN returns an internal "
		       "error, or the guest receives #UD";
	case EVENT:
		return ", and the access is part of the delivery of an event, which KVM cannot "
		       "emulate";
	case NONE:
		break;
	}
	return ": the access is MMIO, which is emulated or passed to the VMM";
}

bool km_rule_no_slot(const struct km_case *c, const struct km_emulation_facts *f,
		     struct km_diagnosis *d)
{
	enum obstacle why = obstacle(c, f);
	const struct km_walk_level *last = c->has_walk ? km_walk_last(&c->walk) : NULL;

	if (!km_case_has_fault(c) || !c->slots_known || !c->gfn_known || c->slot)
		return false;
	/* MMIO as it should be */
	if (why == NONE && last && last->spte.kind == KM_SPTE_MMIO)
		return false;
	d->certainty = certainty(c, f, why);
	d->stuck = d->certainty != KM_NOTE;
	d->advise = d->stuck;
	km_verdict_says(d, "no memslot covers the fault's gfn%s", consequence(why));
	km_evidence(d, "gfn 0x%" PRIx64 " is in none of the VM's %zu memslots", c->gfn,
		    c->slots.count);
	if (km_is_known(f->event) && f->event.v)
		km_evidence(d, "the exit occurred during the delivery of an event (exit_int_info, "
			       "or an event that is to be reinjected)");
	if (why == NO_BYTES || why == INJECTED)
		km_evidence(d, "sev_info.active, and vmcb.control.insn_len is 0");
	km_evidence_emulation(c, f, d);
	if (why == NO_BYTES && km_sev_without_bytes(c, f) == KM_SEV_OPEN)
		km_leaves_open(d, "whether KVM injects #GP instead: it does if CR4.SMAP is 1 and "
				  "CR4.SMEP is 0 or the CPL is 3 (erratum 1096)");
	else if (why == EVENT)
		km_leaves_open(d, "whether the guest's IDT, TSS or stack is supposed to be at this "
				  "address, and how the VMM reacts to the error");
	else if (d->stuck && d->certainty < KM_LIKELY)
		km_leaves_open(d,
			       "whether the vCPU still faults: the fault may have been resolved");
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
