// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * is_page_fault_stale() of 5.16 to 6.2 takes mmu_seq as an int in some kernels: from 2^31
 * invalidations on it compares a sign-extended copy with the real one, and every fault is stale.
 * Since 6.3 struct kvm_page_fault has it, as an unsigned long.
 */
#include "diagnose/diagnose_rules.h"

#include <inttypes.h>

/* With fewer faults, counters are not evidence. */
#define MANY_FAULTS 1000

/* A fault on a page that is not mapped yet, in a memslot that is as it should be. */
static bool waits_for_a_page(const struct km_case *c)
{
	return km_case_is_current(c) && c->has_walk && c->walk.end == KM_END_NOT_PRESENT &&
	       c->slot && !(c->slot->flags & KVM_MEMSLOT_INVALID);
}

/* No counter counts RET_PF_RETRY. False where the counters are not known. */
static bool most_are_retried(const struct km_vcpu_stats *s)
{
	uint64_t counted = s->pf_fixed.v + s->pf_spurious.v + s->pf_emulate.v;

	return km_is_known(s->pf_taken) && km_is_known(s->pf_fixed) &&
	       km_is_known(s->pf_spurious) && km_is_known(s->pf_emulate) &&
	       s->pf_taken.v >= MANY_FAULTS && counted <= s->pf_taken.v / 2;
}

bool km_rule_mmu_seq_sign(const struct km_case *c, enum km_seq_type type, struct km_diagnosis *d)
{
	struct km_val seq = c->vm->mmu_invalidate_seq;
	struct km_val in_progress = c->vm->mmu_invalidate_in_progress;
	const struct km_vcpu_stats *stats = &c->vcpu->stats;
	uint64_t copy = (uint64_t)(int64_t)(int32_t)seq.v;
	bool waits = waits_for_a_page(c), retried = most_are_retried(stats);

	if (!km_is_known(seq) || seq.v == copy || type == KM_SEQ_ULONG)
		return false;
	/* without the type, only a vCPU that shows it; another cause may be at work as well */
	if (type == KM_SEQ_UNKNOWN &&
	    !(waits && retried && km_is_known(in_progress) && !in_progress.v))
		return false;
	d->stuck = waits || retried;
	d->certainty = type == KM_SEQ_INT && waits ? KM_LIKELY : KM_POSSIBLE;
	km_verdict_says(d,
			"mmu_invalidate_seq does not fit into an int%s KVM treats every fault as "
			"stale and does not fix any",
			type == KM_SEQ_INT ? ", and this kernel passes it as one:"
					   : "; if this kernel passes it as one,");
	km_evidence(d,
		    "kvm.mmu_invalidate_seq 0x%" PRIx64 "; converted to int and back: 0x%" PRIx64,
		    seq.v, copy);
	if (type == KM_SEQ_INT)
		km_evidence(d, "is_page_fault_stale() takes mmu_seq as an int (debuginfo)");
	if (waits)
		km_evidence(d,
			    "gfn 0x%" PRIx64 " is not mapped though memslot %" PRId64 " covers it",
			    c->gfn, c->slot->id);
	if (retried)
		km_evidence(d,
			    "pf_taken %" PRIu64 ", of which fixed %" PRIu64 ", spurious %" PRIu64
			    ", emulated %" PRIu64 ": the others were retried",
			    stats->pf_taken.v, stats->pf_fixed.v, stats->pf_spurious.v,
			    stats->pf_emulate.v);
	if (type == KM_SEQ_UNKNOWN)
		km_leaves_open(d, "the type of mmu_seq in is_page_fault_stale(): debuginfo of kvm "
				  "and \"--types dwarf\" show it; unsigned long is correct");
	else if (!waits)
		km_leaves_open(
			d,
			"whether this vCPU is affected already: its last fault does not show it; "
			"its next fault on a page that is not mapped will be retried forever");
	return true;
}

bool km_diagnose_mmu_seq_sign(const struct km_case *c, struct km_diagnosis *d)
{
	struct km_val seq = c->vm->mmu_invalidate_seq;

	if (!km_is_known(seq) || seq.v < KM_BIT(31))
		return false;
	return km_rule_mmu_seq_sign(c, km_mmu_seq_type(c->kernel), d);
}
