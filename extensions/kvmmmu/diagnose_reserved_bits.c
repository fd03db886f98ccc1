// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnosis.h"

/*
 * An entry that is MMU-present and has bits that KVM itself never sets there. The processor faults
 * on those that it reserves too; KVM's handler then ends with -EINVAL (handle_mmio_page_fault()).
 */
bool km_diagnose_reserved_bits(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_walk_level *bad = NULL;
	bool faults = km_path_ends_at(c, "handle_mmio_page_fault", KM_RET_PF_EXIT);

	if (!c->has_walk || !c->mmu->rsvd_known)
		return false;
	for (size_t i = 0; i < c->walk.count; i++) {
		const struct km_walk_level *l = &c->walk.levels[i];
		bool bad_mt_xwr;
		uint64_t rsvd;

		if (l->special || l->spte.kind != KM_SPTE_PRESENT)
			continue;
		rsvd = km_rsvd_spte(&c->masks, &c->mmu->rsvd, l->spte.value, l->level, &bad_mt_xwr);
		if (!rsvd && !bad_mt_xwr)
			continue;
		bad = bad ? bad : l;
		km_evidence(d, "level %d, table 0x%" PRIx64 "[%u]: SPTE 0x%" PRIx64 "%s", l->level,
			    l->table_pa, l->index, l->spte.value,
			    bad_mt_xwr ? ": memory type and XWR do not go together" : "");
		if (rsvd)
			km_evidence(d, "reserved by KVM's own masks: 0x%" PRIx64, rsvd);
	}
	if (!bad)
		return false;
	/* KVM never makes such an entry, whatever the vCPU does */
	d->certainty = KM_LIKELY;
	d->stuck = km_case_is_current(c) && faults;
	km_verdict_says(d, "an SPTE on the way has bits that KVM reserves: %s",
			faults ? "the fault ends as -EINVAL, and so does KVM_RUN"
			       : "it was not made by KVM, or was damaged");
	if (c->has_panel)
		km_evidence(d, "processor: %s (%s)",
			    km_ruling_text(km_case_ruling(c, KM_JUDGE_PROCESSOR)),
			    c->panel.verdicts[KM_JUDGE_PROCESSOR].why);
	return true;
}
