// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Shadow MMU: an entry points to a shadow page that was made for something else: another gfn, level
 * or kind, or with more permissions than its parent. KVM reused a child without comparing all of
 * its role; rmaps then describe another page, and pages are used after they were freed.
 * kvm_mmu_get_child_sp() of arch/x86/kvm/mmu/mmu.c.
 */
#include "diagnose/diagnosis.h"

bool km_diagnose_child_page_mismatch(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_table_audit *audit = &c->audit;
	const struct km_table_entry *entry = &audit->mismatch;
	char gfn[KM_VAL_TEXT];

	if (!entry->found || !c->mmu || c->mmu->root_role.direct)
		return false;
	d->certainty = audit->mismatch_by_guest ? KM_POSSIBLE : KM_LIKELY;
	km_verdict_says(d,
			"an entry of a shadow page table points to a shadow page that was created "
			"for a different use: %s",
			audit->mismatch_why);
	km_evidence(d,
		    "level %d, table 0x%" PRIx64 "[%u]: SPTE 0x%" PRIx64 ", parent role %08" PRIx32,
		    entry->level, entry->table_pa, entry->index, entry->spte.value,
		    audit->parent_role.word);
	km_evidence(d, "child: kvm_mmu_page 0x%" PRIx64 ", gfn %s, role %08" PRIx32,
		    audit->child.addr, km_val_spell(audit->child.gfn, true, gfn),
		    audit->child.role.word);
	if (audit->mismatch_by_guest)
		km_leaves_open(d, "whether the guest's page table was written a moment ago, and "
				  "KVM has yet to zap the entry");
	return true;
}
