// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KVM maps the page of the fault and something zaps it again before the guest can use it: pf_fixed
 * rises, the guest does not advance. Only several samples show it (diagnose/samples.c); one dump
 * only shows that it is possible: about as many invalidations as fixed faults, and a fault that KVM
 * is about to fix again.
 */
#include "diagnose/diagnosis.h"

#define MANY_FAULTS 1000

bool km_diagnose_map_zap_livelock(const struct km_case *c, struct km_diagnosis *d)
{
	struct km_val fixed = c->vcpu->stats.pf_fixed, seq = c->vm->mmu_invalidate_seq;

	if (!km_case_is_current(c) || !c->has_path || c->path.ret != KM_RET_PF_FIXED ||
	    !km_is_known(fixed) || !km_is_known(seq) || fixed.v < MANY_FAULTS ||
	    seq.v < fixed.v / 2 || seq.v > 4 * fixed.v)
		return false;
	d->certainty = KM_NOTE;
	d->advise = false;
	km_verdict_says(
		d,
		"invalidations ended at least half as often as faults were fixed: KVM will map the "
		"page of this fault, which may be zapped again before the guest uses it");
	km_evidence(d, "pf_fixed %" PRIu64 ", kvm.mmu_invalidate_seq %" PRIu64, fixed.v, seq.v);
	km_leaves_open(d, "whether the guest advances: RIP and address in a second sample show it");
	return true;
}
