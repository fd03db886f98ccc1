// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The VM has used up its shadow pages (KVM_SET_NR_MMU_PAGES, or the default by the size of its
 * memory): every fault that needs one first zaps the oldest, which is soon missing again.
 * make_mmu_pages_available() of arch/x86/kvm/mmu/mmu.c.
 */
#include "kernel/more_evidence.h"
#include "diagnose/diagnose_rules.h"

#include <inttypes.h>

/* arch/x86/include/asm/kvm_host.h */
#define KVM_MIN_FREE_MMU_PAGES 5

bool km_rule_shadow_page_quota(const struct km_case *c, struct km_val used, struct km_val max,
			       struct km_diagnosis *d)
{
	if (!km_case_is_current(c) || !c->mmu || c->mmu->root_role.direct || !km_is_known(used) ||
	    !km_is_known(max) || !max.v || used.v + KVM_MIN_FREE_MMU_PAGES <= max.v)
		return false;
	d->certainty = KM_NOTE;
	km_verdict_says(d, "the VM has used up its shadow pages: every fault that needs a new one "
			   "zaps another, on which the guest may fault next");
	km_evidence(d, "shadow pages: %" PRIu64 " used of %" PRIu64, used.v, max.v);
	km_evidence_counters(c, d);
	km_leaves_open(d,
		       "whether the guest advances: RIP and pf_fixed in a second sample show it");
	return true;
}

bool km_diagnose_shadow_page_quota(const struct km_case *c, struct km_diagnosis *d)
{
	if (!km_case_is_current(c) || !c->mmu || c->mmu->root_role.direct)
		return false;
	return km_rule_shadow_page_quota(
		c, km_more_evidence(c->kernel, c->vm->addr, KM_M_kvm_used_mmu_pages),
		km_more_evidence(c->kernel, c->vm->addr, KM_M_kvm_max_mmu_pages), d);
}
