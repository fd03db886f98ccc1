// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Most faults end as RET_PF_SPURIOUS, and the SPTEs permit the access: KVM changes nothing,
 * and the guest takes the fault again. The processor does not see the SPTEs that KVM sees: a TLB or
 * a paging-structure cache still has old ones, a hypervisor below this host has tables of its own,
 * or the processor walks from another root or with another depth.
 *
 * An error code with P=0 over a walk that is present excludes a stale leaf: that has P=1.
 */
#include "diagnose/diagnose_rules.h"

#include <inttypes.h>

/* page_offset_base lies below this with 5-level paging */
#define LOWEST_WITH_4_LEVELS 0xffff800000000000ULL

/* Does the fault end as RET_PF_SPURIOUS although the SPTEs permit the access? */
static bool ends_spurious(const struct km_case *c)
{
	const struct km_step *fast = c->has_path ? km_path_step(&c->path, "fast") : NULL;

	if (!c->has_path || km_case_ruling(c, KM_JUDGE_PROCESSOR) != KM_ALLOWS)
		return false;
	return c->path.ret == KM_RET_PF_SPURIOUS ||
	       (fast && c->path.ret == KM_RET_PF_UNKNOWN && fast->ret == KM_RET_PF_SPURIOUS);
}

/* What the dump shows about each reason for which the processor may see something else. */
static void say_reasons(const struct km_case *c, const struct km_storm_facts *f,
			struct km_diagnosis *d)
{
	struct km_val root = c->mmu->root.hpa;
	int depth = c->mmu->root_role.level;

	if (km_is_known(f->processor_root) && km_is_known(root) && km_valid_page(root.v))
		km_evidence(d, "nested_cr3 of the VMCB 0x%" PRIx64 " %s %s.root 0x%" PRIx64,
			    f->processor_root.v,
			    (f->processor_root.v ^ root.v) & c->masks.base_addr_mask ? "is not"
										     : "is",
			    c->mmu->name, root.v);
	/* with NPT the depth is that of the host's own paging: CR4.LA57 */
	if (c->mmu->paging == KM_PAGING_NPT && km_is_known(f->page_offset_base))
		km_evidence(d, "the host uses %d-level paging, the root has level %d%s",
			    f->page_offset_base.v < LOWEST_WITH_4_LEVELS ? 5 : 4, depth,
			    (f->page_offset_base.v < LOWEST_WITH_4_LEVELS) == (depth == 5)
				    ? ""
				    : ": the processor walks a different number of levels");
	if (km_is_known(f->hypervisor))
		km_evidence(d, "this host %s (x86_hyper_type %" PRIu64 ")",
			    f->hypervisor.v ? "runs under a hypervisor, whose tables the processor "
					      "uses as well"
					    : "does not run under a hypervisor that it knows of",
			    f->hypervisor.v);
}

/*
 * More faults than can be explained by a burst in the past, or by other vCPUs that map the same
 * pages.
 */
static bool is_overwhelming(const struct km_fault_counts *n)
{
	return n->taken >= 10000 && n->spurious / 99 >= n->taken / 100;
}

/*
 * A vCPU that touches pages right after another one has mapped them takes spurious faults with P=0
 * as well, and continues: then some of its faults are its own to resolve.
 */
static bool may_be_late(const struct km_vm *vm, const struct km_fault_counts *n)
{
	return vm->vcpu_count != 1 && n->spurious / 9 < n->taken / 10;
}

bool km_rule_spurious_storm(const struct km_case *c, const struct km_storm_facts *f,
			    struct km_diagnosis *d)
{
	struct km_fault_counts counts = km_case_counts(c);
	bool ends = km_case_is_current(c) && ends_spurious(c);
	bool late = may_be_late(c->vm, &counts);
	bool not_stale = ends && !late && !(c->error_code & PFERR_PRESENT_MASK) && km_case_leaf(c);

	if (counts.balance != KM_BALANCE_SPURIOUS || (km_case_has_fault(c) && !ends))
		return false;
	d->certainty = KM_NOTE;
	if (ends || is_overwhelming(&counts))
		d->certainty = not_stale && is_overwhelming(&counts) ? KM_LIKELY : KM_POSSIBLE;
	d->stuck = ends && !late;
	km_verdict_says(d, "most faults of this vCPU ended as RET_PF_SPURIOUS%s",
			not_stale
				? ", and this one reports P=0 although every entry of the walk is "
				  "present: the processor does not walk these tables as they are"
			: ends && late ? ", and so does this one: the SPTEs permit the access"
			: ends ? ", and so does this one: the SPTEs permit the access, but the "
				 "processor still denies it"
			       : "");
	km_evidence_counters(c, d);
	if (ends)
		say_reasons(c, f, d);
	if (ends && late)
		km_leaves_open(d, "whether another vCPU mapped the page meanwhile, as for many of "
				  "its faults: if so, the vCPU makes progress");
	else if (not_stale)
		km_leaves_open(d, "whether the cause is a paging-structure cache, the tables of a "
				  "hypervisor below this host, or another root");
	else if (ends)
		km_leaves_open(
			d,
			"whether a TLB has an old entry: if so, a full TLB flush ends the faults");
	else
		km_leaves_open(d, "whether this still happens: the last fault is not known; "
				  "pf_spurious in a second sample shows it");
	return true;
}

bool km_diagnose_spurious_storm(const struct km_case *c, struct km_diagnosis *d)
{
	struct km_storm_facts f = {.processor_root.known = KM_ABSENT};
	struct km_vmcb vmcb;
	km_scoped_error *err = NULL;

	if (km_case_counts(c).balance != KM_BALANCE_SPURIOUS || !c->mmu)
		return false;
	err = km_vmcb_read(c->kernel, c->vcpu, &vmcb);
	if (!err && c->mmu->paging == KM_PAGING_NPT)
		f.processor_root = km_kget(c->kernel, vmcb.addr, KM_M_vmcb_nested_cr3);
	f.page_offset_base = km_known_val(c->kernel->page_offset_base);
	f.hypervisor = km_kernel_variable(c->kernel, "x86_hyper_type", 4);
	return km_rule_spurious_storm(c, &f, d);
}
