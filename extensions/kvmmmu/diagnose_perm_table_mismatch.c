// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnosis.h"

/* Of words that differ, the one that the fault looks up, else the first. */
static int word_to_show(const struct km_case *c, const struct km_perm_table *t)
{
	int word =
		(int)(c->error_code & (PFERR_WRITE_MASK | PFERR_USER_MASK | PFERR_FETCH_MASK)) >> 1;

	if (!t->spte || !c->has_error_code || t->words[word] == t->expected[word])
		word = 0;
	while (t->words[word] == t->expected[word])
		word++;
	return word;
}

/* One table that differs: where, how much, and a word that does. */
static void tell(const struct km_case *c, const struct km_perm_table *t, struct km_diagnosis *d)
{
	char asked[128];
	int i;

	if (!km_table_differences(t)) {
		km_evidence(d, "%s.pkru_mask is %08x, the role implies %08x", t->context,
			    t->pkru_mask, t->expected_pkru);
	} else {
		i = word_to_show(c, t);
		km_evidence(d,
			    "%s.permissions at 0x%" PRIx64 ": %u of 16 words differ; [%d] (%s) is "
			    "%04x, the role implies %04x",
			    t->context, t->addr, km_table_differences(t), i,
			    km_pferr_spell((uint64_t)i << 1, asked, sizeof(asked)), t->words[i],
			    t->expected[i]);
	}
}

/*
 * The table of one context contradicts its role: corrupted, whatever the vCPU does. It is why the
 * vCPU does not go on only if KVM asks this table about this fault, and hears the wrong answer.
 */
bool km_diagnose_perm_table_mismatch(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_perm_table *asked = c->mmu ? km_spte_table(&c->all, c->mmu) : NULL;
	enum km_ruling table = km_case_ruling(c, KM_JUDGE_TABLE);
	enum km_ruling role = km_case_ruling(c, KM_JUDGE_ROLE);
	bool consulted = c->has_panel && c->panel.verdicts[KM_JUDGE_TABLE].consulted;
	const struct km_perm_table *first = NULL;

	for (size_t i = 0; i < c->all.table_count; i++) {
		if (c->all.tables[i].status != KM_TABLE_DIFFERS)
			continue;
		tell(c, &c->all.tables[i], d);
		if (!first || &c->all.tables[i] == asked)
			first = &c->all.tables[i];
	}
	if (!first)
		return false;
	d->certainty = KM_PROVEN;
	if (first == asked && consulted && table == KM_ALLOWS && role == KM_DENIES &&
	    km_case_ruling(c, KM_JUDGE_PROCESSOR) == KM_DENIES) {
		d->stuck = km_case_is_current(c);
		km_verdict_says(d, "KVM's table of permissions allows this access and the SPTE "
				   "does not: KVM takes each fault for spurious and re-enters the "
				   "guest, which faults again");
	} else if (first == asked && consulted && table == KM_DENIES && role == KM_ALLOWS) {
		km_verdict_says(d,
				"%s.permissions is not what its role implies: KVM takes the "
				"slow path for faults that are spurious",
				first->context);
	} else if (first->spte && first == asked && !c->mmu->root_role.direct) {
		km_verdict_says(d,
				"%s.permissions is not what its role implies; KVM does not ask "
				"it about faults of an indirect MMU",
				first->context);
	} else if (first->spte) {
		km_verdict_says(d, "%s.permissions is not what its role implies%s", first->context,
				c->has_panel ? "; this fault is not decided by it" : "");
	} else {
		km_verdict_says(d,
				"%s.%s is not what its role implies: KVM misjudges the guest's own "
				"page tables by it; it does not ask it about SPTEs",
				first->context,
				km_table_differences(first) ? "permissions" : "pkru_mask");
	}
	return true;
}
