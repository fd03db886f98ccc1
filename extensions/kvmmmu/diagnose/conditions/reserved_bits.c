// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnose/diagnose_rules.h"

/* One entry of the walk: add what is reserved in it; return true if anything is. */
static bool has_reserved_bits(const struct km_case *c, const struct km_walk_level *l,
			      struct km_diagnosis *d)
{
	bool bad_mt_xwr;
	uint64_t rsvd;

	if (l->special || l->spte.kind != KM_SPTE_PRESENT)
		return false;
	rsvd = km_rsvd_spte(&c->masks, &c->mmu->rsvd, l->spte.value, l->level, &bad_mt_xwr);
	if (!rsvd && !bad_mt_xwr)
		return false;
	km_evidence(d, "level %d, table 0x%" PRIx64 "[%u]: SPTE 0x%" PRIx64 "%s", l->level,
		    l->table_pa, l->index, l->spte.value,
		    bad_mt_xwr ? ": illegal combination of memory type and XWR" : "");
	if (rsvd)
		km_evidence(d, "reserved by KVM's own masks: 0x%" PRIx64, rsvd);
	return true;
}

/* The fault is not known: an entry with reserved bits anywhere below the root. */
static bool judge_audit(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_table_entry *entry = &c->audit.reserved;

	if (!entry->found || km_case_has_fault(c))
		return false;
	/* such faults are exits that no other counter has */
	d->stuck = km_exits_are_unexplained(&c->vcpu->stats);
	d->certainty = d->stuck ? KM_POSSIBLE : KM_NOTE;
	km_verdict_says(d, "an SPTE below the root has bits set that KVM reserves: a fault on it "
			   "fails with -EINVAL, and so does KVM_RUN");
	km_evidence(d, "level %d, table 0x%" PRIx64 "[%u]: SPTE 0x%" PRIx64, entry->level,
		    entry->table_pa, entry->index, entry->spte.value);
	if (c->audit.reserved_bits)
		km_evidence(d, "reserved by KVM's own masks: 0x%" PRIx64, c->audit.reserved_bits);
	km_evidence_counters(c, d);
	km_leaves_open(d, "whether this vCPU faults on that SPTE: its last fault is not known");
	return true;
}

/*
 * An entry that is MMU-present and has bits that KVM itself never sets there. The processor faults
 * on those that it reserves as well; KVM's handler then fails with -EINVAL
 * (handle_mmio_page_fault()).
 */
bool km_diagnose_reserved_bits(const struct km_case *c, struct km_diagnosis *d)
{
	bool fails = km_path_ends_at(c, "handle_mmio_page_fault", KM_RET_PF_EXIT);
	bool found = false;

	if (!c->has_walk || !c->mmu->rsvd_known)
		return judge_audit(c, d);
	for (size_t i = 0; i < c->walk.count; i++)
		found |= has_reserved_bits(c, &c->walk.levels[i], d);
	if (!found)
		return judge_audit(c, d);
	/* KVM never makes such an entry, regardless of what the vCPU does */
	d->certainty = KM_LIKELY;
	d->stuck = km_case_is_current(c) && fails;
	km_verdict_says(d, "an SPTE on the walk has bits set that KVM reserves: %s",
			fails ? "the fault fails with -EINVAL, and so does KVM_RUN"
			      : "KVM did not create it, or it was damaged");
	if (c->has_panel)
		km_evidence(d, "processor: %s (%s)",
			    km_ruling_text(km_case_ruling(c, KM_JUDGE_PROCESSOR)),
			    c->panel.verdicts[KM_JUDGE_PROCESSOR].why);
	return true;
}
