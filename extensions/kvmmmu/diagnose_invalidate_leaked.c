// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mmu_invalidate_in_progress is raised and nobody is left who would lower it: faults in its range
 * are retried for ever. virt/kvm/kvm_main.c.
 *
 * An mmu_notifier raises mn_active_invalidate_count first and lowers it last, so that what
 * in_progress has more comes from elsewhere: kvm_zap_gfn_range() (under mmu_lock, which it lends to
 * others on the way, by a thread of the VM's), changes of attributes (under slots_lock),
 * guest_memfd. With both locks free, none of the VM's threads in such a function and no
 * guest_memfd, the surplus belongs to nobody.
 */
#include "diagnose_rules.h"

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

static void say_counts(const struct km_case *c, const struct km_invalidate_facts *f, bool excess,
		       struct km_diagnosis *d)
{
	const struct km_vm *vm = c->vm;
	char active[KM_VAL_TEXT], start[KM_VAL_TEXT], end[KM_VAL_TEXT];

	km_evidence(d,
		    "kvm.mmu_invalidate_in_progress %" PRId64 ", mn_active_invalidate_count %s%s",
		    (int64_t)vm->mmu_invalidate_in_progress.v,
		    km_val_spell(vm->mn_active_invalidate_count, false, active),
		    excess ? ": no mmu_notifier stands behind it" : "");
	if (excess && locks_free(&f->locks))
		km_evidence(d, "slots_lock and mmu_lock are free: no change of attributes, no "
			       "kvm_zap_gfn_range() is under way");
	if (f->stacks_known)
		km_evidence(d, "no task was found inside an invalidation");
	if (f->unit != KM_RANGE_UNKNOWN)
		km_evidence(d, "range: %ss %s to %s", f->unit == KM_RANGE_HVA ? "HVA" : "gfn",
			    km_val_spell(vm->mmu_invalidate_range_start, true, start),
			    km_val_spell(vm->mmu_invalidate_range_end, true, end));
}

bool km_rule_invalidate_leaked(const struct km_case *c, const struct km_invalidate_facts *f,
			       struct km_diagnosis *d)
{
	struct km_val n = c->vm->mmu_invalidate_in_progress;
	struct km_val active = c->vm->mn_active_invalidate_count;
	bool has_fault = km_case_has_fault(c);
	enum km_covers range = has_fault ? km_invalidate_covers_case(c, f) : KM_COVERS_UNKNOWN;
	bool covers = range == KM_COVERS;
	bool nobody,
		excess = km_is_known(n) && km_is_known(active) && (int64_t)n.v > (int64_t)active.v;

	if (!km_is_known(n))
		return false;
	if ((int64_t)n.v < 0) {
		d->certainty = KM_PROVEN;
		km_verdict_says(d, "invalidations were ended more often than begun: "
				   "mmu_invalidate_in_progress is below zero");
		say_counts(c, f, false, d);
		return true;
	}
	if (!n.v || f->task || (!excess && !f->stacks_known))
		return false;
	if (excess && locks_free(&f->locks) && !has_guest_memfd(c))
		d->certainty = f->stacks_known ? KM_PROVEN : KM_LIKELY;
	else if (excess)
		d->certainty = f->stacks_known && km_is_known(f->locks.mmu_lock) &&
					       !km_mmu_lock_written(&f->locks)
				       ? KM_LIKELY
				       : KM_POSSIBLE;
	else /* reclaim, compaction and the like do it for other processes and pass */
		d->certainty = covers && km_case_in_handler(c) ? KM_POSSIBLE : KM_NOTE;
	nobody = d->certainty >= KM_LIKELY;
	/* true of the VM, but not what this vCPU suffers from */
	if (!has_fault || range == KM_COVERS_NOT)
		d->certainty = KM_NOTE;
	d->stuck = covers && d->certainty != KM_NOTE;
	km_verdict_says(d, "an invalidation was begun, and nobody %s%s",
			nobody ? "is there to end it" : "was found who is at it",
			covers ? nobody ? ": the fault lies in its range, KVM retries it for ever"
					: ": the fault lies in its range, KVM retries it until it "
					  "ends"
			: range == KM_COVERS_NOT ? "; this vCPU's fault does not lie in its range"
						 : "");
	say_counts(c, f, excess, d);
	if (covers)
		km_evidence_page(c, f->unit, d);
	if (!nobody) {
		d->known_cases = d->advice = NULL;
		km_leaves_open(d, "whether a task that was not looked at is inside the "
				  "invalidation; the same counts in a second look settle it");
	} else if (range == KM_COVERS_UNKNOWN) {
		km_leaves_open(d, "whether this vCPU faults in its range: those that do, hang");
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
