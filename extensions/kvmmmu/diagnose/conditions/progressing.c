// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnose/diagnosis.h"

/*
 * A fault that is over: the SPTE now permits what was denied. Many of them look like a loop, REP
 * STOS for example: one RIP, and the address advances.
 */
bool km_diagnose_progressing(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_vcpu_stats *s = &c->vcpu->stats;

	if (!c->fault || c->fault->age != KM_AGE_LAST_EXIT || !km_case_leaf(c) ||
	    km_case_ruling(c, KM_JUDGE_PROCESSOR) != KM_ALLOWS)
		return false;
	if (!km_is_known(s->pf_fixed) || !km_is_known(s->pf_spurious) ||
	    s->pf_fixed.v <= s->pf_spurious.v)
		return false;
	d->certainty = KM_NOTE;
	km_verdict_says(
		d, "the fault of the last exit has been resolved: the SPTE permits the access");
	km_evidence_counters(c, d);
	km_leaves_open(d, "whether the address advances while RIP stays the same (as with REP "
			  "STOS): one dump does not show it");
	return true;
}
