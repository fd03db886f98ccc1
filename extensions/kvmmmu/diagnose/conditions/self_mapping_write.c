// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Shadow paging: the guest writes to a page table that translates the address of the write itself.
 * KVM has to emulate it: dropping the shadow page would unmap what the instruction needs
 * (EMULTYPE_WRITE_PF_TO_SP, kvm_unprotect_and_retry_on_failure()).
 */
#include "diagnose/diagnose_rules.h"

#include <inttypes.h>

/* The level of the walk whose guest page table is the gfn, or NULL. */
static const struct km_walk_level *maps_itself(const struct km_case *c)
{
	if (!km_case_has_fault(c) || !km_case_is_write(c) || !c->gfn_known || !c->has_walk ||
	    !c->mmu || c->mmu->root_role.direct)
		return NULL;
	for (size_t i = 0; i < c->walk.count; i++) {
		const struct km_mmu_page *sp = &c->walk.levels[i].sp;

		if (sp->addr && sp->role_known && !sp->role.direct && km_is_known(sp->gfn) &&
		    sp->gfn.v == c->gfn)
			return &c->walk.levels[i];
	}
	return NULL;
}

bool km_rule_self_mapping_write(const struct km_case *c, const struct km_emulation_facts *f,
				struct km_diagnosis *d)
{
	const struct km_walk_level *at = maps_itself(c);
	const struct km_fault *fault = c->fault;
	bool fails = km_emulator_fails(c), again;

	if (!at)
		return false;
	again = c->has_addr && km_is_known(f->retry_addr) && f->retry_addr.v &&
		f->retry_addr.v == c->addr && km_is_known(f->retry_eip) &&
		km_is_known(c->last.rip) && f->retry_eip.v == c->last.rip.v;
	d->certainty = KM_NOTE;
	if (fails)
		d->certainty = km_case_in_handler(c) ? KM_LIKELY : KM_POSSIBLE;
	else if (again && km_case_in_handler(c))
		d->certainty = KM_POSSIBLE;
	d->stuck = d->certainty != KM_NOTE;
	km_verdict_says(
		d, "the guest writes to a page table that translates the address of the write%s",
		fails	? ", and KVM cannot emulate the instruction, which needs the page table "
			  "whose shadow page KVM would have to drop"
		: again ? ", and faults again after KVM has dropped the shadow page of that table"
			: ": KVM emulates the write");
	km_evidence(d,
		    "gfn 0x%" PRIx64 " is written; kvm_mmu_page 0x%" PRIx64
		    " on the walk, level %d, shadows the page table in it",
		    c->gfn, at->sp.addr, at->level);
	km_evidence_emulation(c, f, d);
	if (fault->source == KM_FAULT_STACK &&
	    km_is_known(fault->pf.write_fault_to_shadow_pgtable) &&
	    fault->pf.write_fault_to_shadow_pgtable.v)
		km_evidence(d, "write_fault_to_shadow_pgtable of the fault in the handler is set");
	if (again)
		km_evidence(d,
			    "arch.last_retry_addr 0x%" PRIx64 " and last_retry_eip are this "
			    "fault's address and RIP",
			    f->retry_addr.v);
	if (km_is_known(f->write_track) && f->write_track.v)
		km_evidence(d, "the gfn is write-tracked (count %" PRIu64 ")", f->write_track.v);
	if (fails && d->certainty < KM_LIKELY)
		km_leaves_open(d,
			       "whether the vCPU still faults: the fault may have been resolved");
	else if (again && !fails)
		km_leaves_open(d,
			       "whether KVM can emulate the instruction: pf_emulate and RIP in a "
			       "second sample show it");
	return true;
}

bool km_diagnose_self_mapping_write(const struct km_case *c, struct km_diagnosis *d)
{
	struct km_emulation_facts f;

	if (!maps_itself(c))
		return false;
	f = km_emulation_facts_read(c);
	return km_rule_self_mapping_write(c, &f, d);
}
