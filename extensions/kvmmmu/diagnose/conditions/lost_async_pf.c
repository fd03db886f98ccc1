// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest was halted until an asynchronous page fault is done, and none is queued: nothing is
 * left that would wake it. kvm_check_async_pf_completion() of virt/kvm/async_pf.c wakes the vCPU
 * before it takes the item from the count.
 */
#include "diagnose/diagnose_rules.h"

#include <inttypes.h>

bool km_rule_lost_async_pf(const struct km_case *c, struct km_val queued, struct km_diagnosis *d)
{
	if (c->wait.kind != KM_WAIT_APF || !km_is_known(queued) || queued.v)
		return false;
	d->certainty = KM_LIKELY;
	d->apart = d->stuck = true;
	km_verdict_says(d, "the vCPU is halted until an asynchronous page fault completes, but "
			   "none is queued: only an event for the guest can wake it");
	km_evidence(d, "arch.apf.halted is set; async_pf.queued is 0");
	km_evidence(d, "%s", c->wait.text);
	return true;
}

bool km_diagnose_lost_async_pf(const struct km_case *c, struct km_diagnosis *d)
{
	if (c->wait.kind != KM_WAIT_APF)
		return false;
	return km_rule_lost_async_pf(c, km_kget(c->kernel, c->vcpu->addr, KM_M_kvm_vcpu_apf_queued),
				     d);
}
