// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mmu_invalidate_in_progress was incremented and no task is left to decrement it: faults in its
 * range are retried forever. virt/kvm/kvm_main.c.
 *
 * An mmu_notifier increments mn_active_invalidate_count first and decrements it last. If
 * in_progress is higher, the rest has another source: from kvm_zap_gfn_range() (a thread of the VM
 * under mmu_lock, which it yields to others on the way), from a change of attributes (under
 * slots_lock), or from guest_memfd. With both locks free, no thread of the VM in such a function
 * and no guest_memfd, no task is left that could have incremented it.
 */
#include "diagnose/diagnose_rules.h"

#include <inttypes.h>

static bool has_guest_memfd(const struct km_case *c)
{
	for (size_t i = 0; i < c->slots.count; i++) {
		if (c->slots.slots[i].flags & (KVM_MEM_GUEST_MEMFD | KVM_MEMSLOT_GMEM_ONLY))
			return true;
	}
	return !c->slots_known;
}

static bool locks_free(const struct km_vm_locks *locks)
{
	return km_is_known(locks->mmu_lock) && !locks->mmu_lock.v &&
	       km_is_known(locks->slots_lock_owner) && !locks->slots_lock_owner.v;
}

/* Do notifiers account for less than what is in progress? */
static bool exceeds_notifiers(const struct km_vm *vm)
{
	return km_is_known(vm->mn_active_invalidate_count) &&
	       (int64_t)vm->mmu_invalidate_in_progress.v >
		       (int64_t)vm->mn_active_invalidate_count.v;
}

static void say_counts(const struct km_case *c, const struct km_invalidate_facts *f,
		       struct km_diagnosis *d)
{
	const struct km_vm *vm = c->vm;
	bool exceeds = exceeds_notifiers(vm);
	char active[KM_VAL_TEXT], start[KM_VAL_TEXT], end[KM_VAL_TEXT];

	if (vm->mn_active_invalidate_count.known == KM_ABSENT)
		km_evidence(d, "kvm.mmu_invalidate_in_progress %" PRId64,
			    (int64_t)vm->mmu_invalidate_in_progress.v);
	else
		km_evidence(d,
			    "kvm.mmu_invalidate_in_progress %" PRId64
			    ", mn_active_invalidate_count %s%s",
			    (int64_t)vm->mmu_invalidate_in_progress.v,
			    km_val_spell(vm->mn_active_invalidate_count, false, active),
			    exceeds ? ": no mmu_notifier invalidation is active" : "");
	if (exceeds && locks_free(&f->locks))
		km_evidence(d, "slots_lock and mmu_lock are free: neither a change of attributes "
			       "nor kvm_zap_gfn_range() is in progress");
	if (f->stacks_known)
		km_evidence(d, "no task was found inside an invalidation");
	if (f->unit == KM_RANGE_GFN || f->unit == KM_RANGE_HVA)
		km_evidence(d, "range: %ss [%s, %s)", f->unit == KM_RANGE_HVA ? "HVA" : "gfn",
			    km_val_spell(vm->mmu_invalidate_range_start, true, start),
			    km_val_spell(vm->mmu_invalidate_range_end, true, end));
}

/* How certain it is that no task is inside. */
static enum km_certainty nobody_is_inside(const struct km_case *c,
					  const struct km_invalidate_facts *f)
{
	/* before 5.15, only the stacks tell: 52ac8b358b0c ("KVM: Block memslot updates across
	 * range_start() and range_end()") */
	if (c->vm->mn_active_invalidate_count.known == KM_ABSENT && f->stacks_known)
		return KM_POSSIBLE;
	if (!exceeds_notifiers(c->vm))
		return KM_NOTE;
	if (locks_free(&f->locks) && !has_guest_memfd(c))
		return f->stacks_known ? KM_PROVEN : KM_LIKELY;
	return f->stacks_known && km_is_known(f->locks.mmu_lock) && !km_mmu_lock_written(&f->locks)
		       ? KM_LIKELY
		       : KM_POSSIBLE;
}

/*
 * What the range means for this vCPU. Where its fault is not known, a range that covers all
 * memslots covers every fault that KVM has to resolve; whether there was one, the counters show.
 */
static enum km_covers reach(const struct km_case *c, const struct km_invalidate_facts *f)
{
	if (km_case_has_fault(c))
		return km_invalidate_covers_case(c, f);
	return km_invalidate_covers_all(c, f) ? KM_COVERS : KM_COVERS_UNKNOWN;
}

static const char *consequence(const struct km_case *c, enum km_range_unit unit,
			       enum km_covers range, bool nobody)
{
	if (km_case_has_fault(c) && !km_case_meets_invalidation(c))
		return "; this vCPU's fault ends before KVM asks about it";
	if (unit == KM_RANGE_NONE)
		return nobody ? ": this kernel compares no range, and retries every fault that "
				"needs a new SPTE endlessly"
			      : ": this kernel compares no range, and retries every fault that "
				"needs a new SPTE until the invalidation ends";
	switch (range) {
	case KM_COVERS:
		if (!km_case_has_fault(c))
			return ": its range is all of the VM's memory, so KVM retries every fault "
			       "that needs a new SPTE";
		return nobody ? ": its range contains the fault, so KVM retries the fault endlessly"
			      : ": its range contains the fault, so KVM retries the fault until "
				"the invalidation ends";
	case KM_COVERS_NOT:
		return "; its range does not contain this vCPU's fault";
	case KM_COVERS_UNKNOWN:
		break;
	}
	return "";
}

/*
 * Decide how certain it is that the finding concerns this vCPU, based on how certain it is that no
 * task is inside. Return true if the latter is at least likely.
 */
static bool decide_certainty(const struct km_case *c, enum km_covers range, struct km_diagnosis *d)
{
	bool retried = km_case_counts(c).balance == KM_BALANCE_RETRIED;
	bool nobody = d->certainty >= KM_LIKELY;

	/* reclaim, compaction and others do it for other processes, and end */
	if (d->certainty == KM_NOTE && range == KM_COVERS && km_case_in_handler(c))
		d->certainty = KM_POSSIBLE;
	if (km_case_has_fault(c)) {
		/* true of the VM, but it does not concern this vCPU */
		if (range == KM_COVERS_NOT || !km_case_meets_invalidation(c))
			d->certainty = KM_NOTE;
		d->stuck = range == KM_COVERS && d->certainty != KM_NOTE;
		return nobody;
	}
	d->stuck = retried && d->certainty != KM_NOTE && (range == KM_COVERS || nobody);
	if (range == KM_COVERS && !retried)
		km_at_most(&d->certainty, KM_POSSIBLE);
	else if (range != KM_COVERS && d->stuck)
		km_rests_on_counts(c, KM_BALANCE_RETRIED, d);
	else if (range != KM_COVERS)
		d->certainty = KM_NOTE;
	return nobody;
}

bool km_rule_invalidate_leaked(const struct km_case *c, const struct km_invalidate_facts *f,
			       struct km_diagnosis *d)
{
	struct km_val n = c->vm->mmu_invalidate_in_progress;
	bool nobody, has_fault = km_case_has_fault(c);
	enum km_covers range;

	if (!km_is_known(n))
		return false;
	if ((int64_t)n.v < 0) {
		d->certainty = KM_PROVEN;
		km_verdict_says(d, "more invalidations have ended than begun: "
				   "mmu_invalidate_in_progress is negative");
		say_counts(c, f, d);
		return true;
	}
	if (!n.v || f->task || (!exceeds_notifiers(c->vm) && !f->stacks_known))
		return false;
	range = reach(c, f);
	d->certainty = nobody_is_inside(c, f);
	nobody = decide_certainty(c, range, d);
	km_verdict_says(d, "an invalidation has begun, and %s%s",
			nobody ? "no task remains to end it" : "no task was found inside it",
			consequence(c, f->unit, range, nobody));
	say_counts(c, f, d);
	if (range == KM_COVERS && has_fault)
		km_evidence_page(c, f->unit, d);
	else if (range == KM_COVERS || d->stuck)
		km_evidence_counters(c, d);
	if (!nobody) {
		d->advise = false;
		km_leaves_open(d, "whether a task that is not readable is inside the invalidation: "
				  "the same counts in a second sample indicate that there is none");
	} else if (!has_fault || range == KM_COVERS_UNKNOWN) {
		km_leaves_open(d, "whether this vCPU faults in its range: if it does, it makes no "
				  "forward progress");
	}
	return true;
}

bool km_diagnose_invalidate_leaked(const struct km_case *c, struct km_diagnosis *d)
{
	struct km_val n = c->vm->mmu_invalidate_in_progress;
	struct km_invalidate_facts f;

	if (!km_is_known(n) || !n.v)
		return false;
	f = km_invalidate_facts_read(c);
	return km_rule_invalidate_leaked(c, &f, d);
}
