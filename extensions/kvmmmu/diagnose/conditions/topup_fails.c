// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Before KVM maps a page, it fills the caches that new page tables come from. Where the host has no
 * memory for them, or the cgroup's limit is reached (GFP_KERNEL_ACCOUNT), KVM_RUN fails with
 * -ENOMEM; a VMM that runs the vCPU again gets the same error. mmu_topup_memory_caches() of
 * arch/x86/kvm/mmu/mmu.c. Afterwards each cache has its minimum: a vCPU that has left KVM_RUN with
 * a fault that is not resolved and a cache below that shows that it failed.
 */
#include "diagnose/diagnose_rules.h"
#include "kernel/more_evidence.h"

#include <inttypes.h>

/* PT64_ROOT_MAX_LEVEL; for rmaps: 1, one per level, and PTE_PREFETCH_NUM */
#define MIN_PAGES 5
#define MIN_RMAPS (1 + 5 + 8)

struct cache {
	const char *name;
	struct km_val objects;
	unsigned min;
};

static bool is_short(const struct cache *cache)
{
	return km_is_known(cache->objects) && cache->objects.v < cache->min;
}

/* Is KVM filling the caches, and the host reclaiming memory? */
static bool is_reclaiming(const struct km_case *c)
{
	static const char *const functions[] = {
		"try_to_free_pages",
		"try_to_free_mem_cgroup_pages",
		"out_of_memory",
		"mem_cgroup_out_of_memory",
		NULL,
	};

	return km_case_in_handler(c) && km_case_in(c, "mmu_topup_memory_caches") &&
	       km_case_in_any(c, functions);
}

/* Has the vCPU left KVM_RUN after a fault that is still to be resolved, on a path that needs
 * memory? */
static bool has_left(const struct km_case *c)
{
	return km_case_is_current(c) && !km_case_in_handler(c) && c->last.has_stack &&
	       c->last.stack.count && !km_stack_may_lack_outer(&c->last.stack) &&
	       !km_case_in(c, "kvm_arch_vcpu_ioctl_run") && c->has_path &&
	       km_path_step(&c->path, "topup") &&
	       km_case_ruling(c, KM_JUDGE_PROCESSOR) == KM_DENIES;
}

bool km_rule_topup_fails(const struct km_case *c, const struct km_topup_facts *f,
			 struct km_diagnosis *d)
{
	const struct cache caches[] = {
		{"mmu_pte_list_desc_cache", f->pte_list, MIN_RMAPS},
		{"mmu_shadow_page_cache", f->shadow_page, MIN_PAGES},
		{"mmu_page_header_cache", f->page_header, MIN_PAGES},
	};
	const struct cache *empty = NULL;
	bool lost = km_case_counts(c).balance == KM_BALANCE_RETRIED;
	bool reclaims = is_reclaiming(c);

	for (size_t i = 0; !empty && i < sizeof(caches) / sizeof(caches[0]); i++) {
		if (is_short(&caches[i]))
			empty = &caches[i];
	}
	if (!reclaims && !(empty && has_left(c)))
		return false;
	d->certainty = !lost ? KM_NOTE : reclaims ? KM_LIKELY : KM_POSSIBLE;
	d->stuck = d->advise = lost;
	km_verdict_says(
		d, "%s%s",
		reclaims ? "KVM allocates memory for page tables, and the host reclaims "
			   "memory; if there is none, KVM_RUN fails with -ENOMEM"
			 : "KVM could not allocate memory for page tables: KVM_RUN failed with "
			   "-ENOMEM",
		lost ? ", and most faults of this vCPU were not resolved" : "");
	if (empty)
		km_evidence(d, "arch.%s has %" PRIu64 " objects; the handler needs %u", empty->name,
			    empty->objects.v, empty->min);
	km_evidence_counters(c, d);
	if (d->certainty < KM_LIKELY)
		km_leaves_open(d, reclaims ? "whether the host finds memory"
					   : "whether the VMM runs the vCPU again; the host's log "
					     "shows allocations that failed");
	return true;
}

bool km_diagnose_topup_fails(const struct km_case *c, struct km_diagnosis *d)
{
	uint64_t vcpu = c->vcpu->addr;
	const struct km_topup_facts f = {
		.pte_list = km_more_evidence(c->kernel, vcpu, KM_M_kvm_vcpu_pte_list_cache),
		.shadow_page = km_more_evidence(c->kernel, vcpu, KM_M_kvm_vcpu_shadow_page_cache),
		.page_header = km_more_evidence(c->kernel, vcpu, KM_M_kvm_vcpu_page_header_cache),
	};

	return km_rule_topup_fails(c, &f, d);
}
