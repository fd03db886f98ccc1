// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The fault makes KVM_RUN return an error to the VMM. The VMM has to handle this; if it runs the
 * vCPU again without changing anything, it gets the same error again.
 */
#include "diagnose/diagnose_rules.h"

#include <inttypes.h>

bool km_diagnose_run_error(const struct km_case *c, struct km_diagnosis *d)
{
	enum km_fault_balance balance = km_case_counts(c).balance;

	if (!km_case_is_current(c) || !c->has_path || c->path.ret != KM_RET_PF_EXIT)
		return false;
	d->certainty = KM_NOTE;
	if (balance == KM_BALANCE_RETRIED)
		d->certainty = km_error_certainty(c);
	d->stuck = d->advise = d->certainty != KM_NOTE;
	km_verdict_says(d, "the fault makes KVM_RUN return an error to the VMM%s",
			d->stuck ? ", which runs the vCPU again without changing anything: most of "
				   "its faults were not resolved"
				 : "");
	km_evidence(d, "%s: %.150s", c->path.end->function, c->path.end->text);
	km_evidence_counters(c, d);
	if (!d->stuck)
		km_leaves_open(d, "how the VMM reacts to the error");
	return true;
}
