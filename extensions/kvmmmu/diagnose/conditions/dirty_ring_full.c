// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The vCPU's dirty ring is full: KVM_RUN returns KVM_EXIT_DIRTY_RING_FULL without entering the
 * guest until the VMM has collected the ring (KVM_RESET_DIRTY_RINGS).
 * kvm_dirty_ring_check_request() of virt/kvm/dirty_ring.c.
 */
#include "kernel/more_evidence.h"
#include "diagnose/diagnose_rules.h"

#include <inttypes.h>

static bool is_set(struct km_val val)
{
	return km_is_known(val) && val.v;
}

/* Does what is readable show that there is one? Capsules of earlier versions contain none of it. */
static bool has_ring(const struct km_dirty_ring_facts *f)
{
	return is_set(f->soft_limit) || is_set(f->dirty_index) || is_set(f->reset_index);
}

bool km_rule_dirty_ring_full(const struct km_case *c, const struct km_dirty_ring_facts *f,
			     struct km_diagnosis *d)
{
	uint32_t used = (uint32_t)(f->dirty_index.v - f->reset_index.v);
	bool told = km_is_known(f->exit_reason) && f->exit_reason.v == KVM_EXIT_DIRTY_RING_FULL;

	if (!km_is_known(f->dirty_index) || !km_is_known(f->reset_index) ||
	    !km_is_known(f->soft_limit)) {
		if (has_ring(f))
			d->missing = "whether its dirty ring is full is not known";
		return false;
	}
	if (!f->soft_limit.v || used < f->soft_limit.v)
		return false;
	/* every vCPU that dirties memory comes here, and leaves once the VMM has collected */
	d->certainty = KM_POSSIBLE;
	d->apart = true;
	d->stuck = told && c->wait.kind == KM_WAIT_NONE;
	km_verdict_says(d, "the vCPU's dirty ring is full: KVM_RUN returns immediately until the "
			   "VMM has collected the entries");
	km_evidence(d,
		    "dirty_ring: dirty_index %" PRIu64 ", reset_index %" PRIu64
		    ", soft_limit %" PRIu64,
		    f->dirty_index.v, f->reset_index.v, f->soft_limit.v);
	if (told)
		km_evidence(d, "kvm_run.exit_reason is KVM_EXIT_DIRTY_RING_FULL: the VMM was "
			       "notified");
	km_leaves_open(
		d, "whether the VMM collects the entries: the indexes in a second sample show it");
	return true;
}

bool km_diagnose_dirty_ring_full(const struct km_case *c, struct km_diagnosis *d)
{
	uint64_t vcpu = c->vcpu->addr;
	struct km_dirty_ring_facts f = {
		.soft_limit = km_more_evidence(c->kernel, vcpu, KM_M_kvm_vcpu_dirty_soft_limit),
	};

	if (f.soft_limit.known == KM_ABSENT || (km_is_known(f.soft_limit) && !f.soft_limit.v))
		return false;
	f.dirty_index = km_more_evidence(c->kernel, vcpu, KM_M_kvm_vcpu_dirty_index);
	f.reset_index = km_more_evidence(c->kernel, vcpu, KM_M_kvm_vcpu_reset_index);
	f.exit_reason = km_private_facts_read(c).exit_reason;
	return km_rule_dirty_ring_full(c, &f, d);
}
