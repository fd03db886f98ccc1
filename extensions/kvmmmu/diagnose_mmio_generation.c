// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An MMIO SPTE of another memslots generation: check_mmio_spte() does not trust it, and the fault
 * takes the slow path, which makes a fresh one. That is by design after each change of memslots;
 * slow for ever if the generation that KVM puts into the SPTE does not come out of it again.
 */
#include "diagnose_rules.h"

#include <inttypes.h>

static const struct km_spte *mmio_spte(const struct km_case *c)
{
	const struct km_walk_level *last = c->has_walk ? km_walk_last(&c->walk) : NULL;

	return last && last->spte.kind == KM_SPTE_MMIO ? &last->spte : NULL;
}

bool km_rule_mmio_generation(const struct km_case *c, const struct km_mmio_facts *f,
			     struct km_diagnosis *d)
{
	const struct km_spte *spte = mmio_spte(c);
	struct km_val gen = c->slots.generation;
	bool update = gen.v & KVM_MEMSLOT_GEN_UPDATE_IN_PROGRESS;
	uint64_t expected;
	bool just_made;

	if (!spte || !km_case_has_fault(c) || !c->slots_known || !km_is_known(gen))
		return false;
	expected = gen.v & km_mmio_spte_gen_mask(&c->masks);
	if (!update && spte->mmio_generation == expected)
		return false;
	/*
	 * The slow path caches gfn and generation in the vCPU right before it makes the SPTE: with
	 * the present generation cached for this gfn, the SPTE can't be an old one.
	 */
	just_made = !update && km_is_known(f->gen) && f->gen.v == gen.v && km_is_known(f->gfn) &&
		    f->gfn.v == spte->mmio_gfn && f->gfn.v && !km_case_in_handler(c) &&
		    (!c->gfn_known || c->gfn == spte->mmio_gfn);
	d->certainty = just_made ? KM_POSSIBLE : KM_NOTE;
	if (!just_made) /* it is as it should be */
		d->known_cases = NULL;
	km_verdict_says(d, "%s",
			update ? "memslots are being changed: no MMIO SPTE is trusted meanwhile, "
				 "accesses take the slow path"
			: just_made
				? "the MMIO SPTE has another generation than the one it was made "
				  "with: each access takes the slow path"
				: "the MMIO SPTE is from before a change of memslots: the access "
				  "takes the slow path once, which makes a fresh one");
	km_evidence(d, "MMIO SPTE 0x%" PRIx64 ": generation 0x%" PRIx64 ", gfn 0x%" PRIx64,
		    spte->value, spte->mmio_generation, spte->mmio_gfn);
	km_evidence(d, "memslots generation 0x%" PRIx64 ", as an SPTE keeps it 0x%" PRIx64, gen.v,
		    expected);
	if (just_made)
		km_evidence(d,
			    "arch.mmio_gfn 0x%" PRIx64 ", arch.mmio_gen 0x%" PRIx64
			    ": cached under the present generation",
			    f->gfn.v, f->gen.v);
	if (just_made)
		km_leaves_open(d, "whether the vCPU used another root or address space for it "
				  "meanwhile; pf_taken in a second look tells");
	return true;
}

bool km_diagnose_mmio_generation(const struct km_case *c, struct km_diagnosis *d)
{
	struct km_mmio_facts f;

	if (!mmio_spte(c))
		return false;
	f.gfn = km_kget(c->kernel, c->vcpu->addr, KM_M_kvm_vcpu_mmio_gfn);
	f.gen = km_kget(c->kernel, c->vcpu->addr, KM_M_kvm_vcpu_mmio_gen);
	return km_rule_mmio_generation(c, &f, d);
}
