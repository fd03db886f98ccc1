// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An MMIO SPTE of another memslots generation: check_mmio_spte() does not trust it, and the fault
 * takes the slow path, which makes a new one. That is by design after each change of memslots;
 * every access is slow if the generation that KVM puts into the SPTE is not the one that it reads
 * from it. A vCPU in system management mode uses address space 1, which has a generation of its
 * own.
 */
#include "kernel/more_evidence.h"
#include "diagnose/diagnose_rules.h"

#include <inttypes.h>

static const struct km_spte *mmio_spte(const struct km_case *c)
{
	const struct km_walk_level *last = c->has_walk ? km_walk_last(&c->walk) : NULL;

	return last && last->spte.kind == KM_SPTE_MMIO ? &last->spte : NULL;
}

static bool is_update(struct km_val gen)
{
	return gen.v & KVM_MEMSLOT_GEN_UPDATE_IN_PROGRESS;
}

/* The part of generation @gen that an SPTE of this kernel can hold. */
static uint64_t as_in_spte(const struct km_case *c, struct km_val gen)
{
	return gen.v & km_mmio_spte_gen_mask(&c->masks);
}

/* Is the MMIO SPTE of the fault one that check_mmio_spte() does not trust? */
static bool is_distrusted(const struct km_case *c, const struct km_spte *spte)
{
	struct km_val gen = c->slots.generation;

	if (!spte || !km_case_has_fault(c) || !c->slots_known || !km_is_known(gen))
		return false;
	return is_update(gen) || spte->mmio_generation != as_in_spte(c, gen);
}

/*
 * The slow path caches gfn and generation in the vCPU right before it makes the SPTE: with the
 * present generation cached for this gfn, the SPTE cannot be an old one.
 */
static bool was_just_made(const struct km_case *c, const struct km_spte *spte,
			  const struct km_mmio_facts *f)
{
	return !is_update(c->slots.generation) && km_is_known(f->gen) &&
	       f->gen.v == c->slots.generation.v && km_is_known(f->gfn) &&
	       f->gfn.v == spte->mmio_gfn && f->gfn.v && !km_case_in_handler(c) &&
	       (!c->gfn_known || c->gfn == spte->mmio_gfn);
}

static void say_other_space(const struct km_case *c, const struct km_spte *spte,
			    const struct km_mmio_facts *f, struct km_diagnosis *d)
{
	bool spte_has_it, cache_has_it;

	if (!km_is_known(f->other_gen) || is_update(f->other_gen))
		return;
	spte_has_it = spte->mmio_generation == as_in_spte(c, f->other_gen);
	cache_has_it = km_is_known(f->gen) && f->gen.v == f->other_gen.v;
	if (!spte_has_it && !cache_has_it)
		return;
	d->known |= KM_BIT(KM_WHEN_SMM);
	km_evidence(d, "address space %u has generation 0x%" PRIx64 ", as %s%s%s", !c->slots.as_id,
		    f->other_gen.v, spte_has_it ? "the SPTE" : "",
		    spte_has_it && cache_has_it ? " and " : "",
		    cache_has_it ? "the vCPU's MMIO cache has" : " has");
}

bool km_rule_mmio_generation(const struct km_case *c, const struct km_mmio_facts *f,
			     struct km_diagnosis *d)
{
	const struct km_spte *spte = mmio_spte(c);
	struct km_val gen = c->slots.generation;
	bool just_made;

	if (!is_distrusted(c, spte))
		return false;
	just_made = was_just_made(c, spte, f);
	d->certainty = just_made ? KM_POSSIBLE : KM_NOTE;
	if (just_made)
		d->known |= KM_BIT(KM_WHEN_STUCK);
	km_verdict_says(d, "%s",
			is_update(gen) ? "memslots are being changed: KVM does not use MMIO SPTEs "
					 "meanwhile, and accesses take the slow path"
			: just_made ? "the MMIO SPTE does not contain the generation that it was "
				      "created with: each access takes the slow path"
				    : "the MMIO SPTE was created before a change of memslots: the "
				      "access takes the slow path once, which creates a new SPTE");
	km_evidence(d, "MMIO SPTE 0x%" PRIx64 ": generation 0x%" PRIx64 ", gfn 0x%" PRIx64,
		    spte->value, spte->mmio_generation, spte->mmio_gfn);
	km_evidence(d,
		    "memslots of address space %u: generation 0x%" PRIx64 ", in an SPTE 0x%" PRIx64,
		    c->slots.as_id, gen.v, as_in_spte(c, gen));
	say_other_space(c, spte, f, d);
	if (just_made) {
		km_evidence(d,
			    "arch.mmio_gfn 0x%" PRIx64 ", arch.mmio_gen 0x%" PRIx64
			    ": cached under the present generation",
			    f->gfn.v, f->gen.v);
		km_leaves_open(d,
			       "whether the vCPU accessed this gfn through another root or address "
			       "space in the meantime; pf_taken in a second sample shows it");
	}
	return true;
}

/* The generation of the address space that the vCPU does not use; KM_ABSENT if there is no other.
 */
static struct km_val other_generation(const struct km_case *c)
{
	bool before = km_more_evidence_begin(c->kernel);
	struct km_memslots other;
	km_scoped_error *err = km_memslots_read(c->kernel, c->vm->addr, !c->slots.as_id, &other);
	struct km_val gen = {.known = KM_ABSENT};

	km_more_evidence_end(c->kernel, before);
	if (!err)
		gen = other.generation;
	km_memslots_deinit(&other);
	return gen;
}

bool km_diagnose_mmio_generation(const struct km_case *c, struct km_diagnosis *d)
{
	struct km_mmio_facts f;

	if (!is_distrusted(c, mmio_spte(c)))
		return false;
	f.gfn = km_kget(c->kernel, c->vcpu->addr, KM_M_kvm_vcpu_mmio_gfn);
	f.gen = km_kget(c->kernel, c->vcpu->addr, KM_M_kvm_vcpu_mmio_gen);
	f.other_gen = other_generation(c);
	return km_rule_mmio_generation(c, &f, d);
}
