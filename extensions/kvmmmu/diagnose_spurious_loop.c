// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnosis.h"

/* Does the table that KVM asks contradict its own role? Then no fault has to prove anything. */
static bool table_is_wrong(const struct km_case *c)
{
	const struct km_perm_table *table = km_spte_table(&c->all, c->mmu);

	return table && table->status == KM_TABLE_DIFFERS &&
	       km_case_ruling(c, KM_JUDGE_ROLE) == KM_DENIES;
}

/*
 * fast_page_fault() takes a fault for spurious that the processor will raise again. The legacy test
 * looks at one bit and differs from the processor by design: it alone is never more than possible.
 */
bool km_diagnose_spurious_loop(const struct km_case *c, struct km_diagnosis *d)
{
	enum km_judge asked = km_case_asked_judge(c);
	char fault[224];

	if (!km_case_is_current(c) || !c->has_path || c->path.ret != KM_RET_PF_SPURIOUS)
		return false;
	if (km_case_ruling(c, KM_JUDGE_PROCESSOR) != KM_DENIES ||
	    km_case_ruling(c, asked) != KM_ALLOWS || !c->panel.verdicts[asked].consulted)
		return false;
	d->stuck = true;
	d->certainty = KM_POSSIBLE;
	if (asked == KM_JUDGE_TABLE && (table_is_wrong(c) || km_case_in_handler(c)))
		d->certainty = KM_LIKELY;
	km_verdict_says(d, "the processor denies what KVM takes for allowed: each fault ends as "
			   "RET_PF_SPURIOUS, and the guest meets it again");
	km_evidence(d, "%s", km_case_fault_spell(c, fault, sizeof(fault)));
	km_evidence_judges(c, d);
	km_evidence_counters(c, d);
	if (!km_case_in_handler(c))
		km_leaves_open(d, "the fault is that of the last exit: that the guest still wants "
				  "the access is inferred; a second look settles it");
	return true;
}
