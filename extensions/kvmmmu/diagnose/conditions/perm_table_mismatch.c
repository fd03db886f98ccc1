// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnose/diagnose_rules.h"

/* Return the word that the fault looks up if it differs, otherwise the first one that does. */
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

/* Add one table that differs as a fact: where, how much, and one word that does. */
static void say_difference(const struct km_case *c, const struct km_perm_table *t,
			   struct km_diagnosis *d)
{
	char asked[128];
	int i;

	if (!km_table_differences(t)) {
		km_evidence(d, "%s.pkru_mask is %08x, the role implies %08x", t->context,
			    t->pkru_mask, t->expected_pkru);
		return;
	}
	i = word_to_show(c, t);
	km_evidence(d,
		    "%s.permissions at 0x%" PRIx64
		    ": %u of 16 words differ; [%d] (%s) is %04x, the "
		    "role implies %04x",
		    t->context, t->addr, km_table_differences(t), i,
		    km_pferr_spell((uint64_t)i << 1, asked, sizeof(asked)), t->words[i],
		    t->expected[i]);
}

/*
 * The table that differs: the one that KVM consults for SPTEs if that differs, otherwise the first
 * one.
 */
static const struct km_perm_table *differing_table(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_perm_table *asked = c->mmu ? km_spte_table(&c->all, c->mmu) : NULL;
	const struct km_perm_table *first = NULL;

	for (size_t i = 0; i < c->all.table_count; i++) {
		const struct km_perm_table *t = &c->all.tables[i];

		if (t->status != KM_TABLE_DIFFERS)
			continue;
		say_difference(c, t, d);
		if (!first || t == asked)
			first = t;
	}
	return first;
}

/* Does KVM consult @t for this fault, and get the wrong result, so that the guest faults again? */
static bool is_why_it_loops(const struct km_case *c)
{
	return km_case_ruling(c, KM_JUDGE_TABLE) == KM_ALLOWS &&
	       km_case_ruling(c, KM_JUDGE_ROLE) == KM_DENIES &&
	       km_case_ruling(c, KM_JUDGE_PROCESSOR) == KM_DENIES && c->has_path &&
	       c->path.ret == KM_RET_PF_SPURIOUS && c->path.loops_known && c->path.loops;
}

/* Does KVM waste time on spurious faults, because the table denies what the role allows? */
static bool is_too_strict(const struct km_case *c)
{
	return km_case_ruling(c, KM_JUDGE_TABLE) == KM_DENIES &&
	       km_case_ruling(c, KM_JUDGE_ROLE) == KM_ALLOWS;
}

/* The consequence if @t is a table that KVM consults for SPTEs of the MMU of this case. */
static void judge_asked_table(const struct km_case *c, const struct km_perm_table *t,
			      struct km_diagnosis *d)
{
	bool consulted = c->has_panel && c->panel.verdicts[KM_JUDGE_TABLE].consulted;
	bool users = c->fault && c->fault->source == KM_FAULT_USER;
	/* the counters are not evidence about a fault that the user supplied */
	enum km_fault_balance balance = users ? KM_BALANCE_UNKNOWN : km_case_counts(c).balance;

	if (!c->mmu->root_role.direct) {
		km_verdict_says(d,
				"%s.permissions is not what its role implies; KVM does not consult "
				"it for faults of an indirect MMU",
				t->context);
	} else if (consulted && is_why_it_loops(c)) {
		/* residue alone may be older than what it shows; the counters confirm it */
		d->stuck = km_case_is_current(c) || balance == KM_BALANCE_SPURIOUS;
		km_verdict_says(d, "KVM's permission table allows this access, but the SPTE does "
				   "not: KVM treats each fault as spurious and re-enters the "
				   "guest, which faults again");
		if (!km_case_is_current(c) && !users)
			km_evidence_counters(c, d);
	} else if (consulted && is_too_strict(c)) {
		km_verdict_says(d,
				"%s.permissions is not what its role implies: KVM takes the slow "
				"path for spurious faults",
				t->context);
	} else if (!km_case_is_current(c) && balance == KM_BALANCE_SPURIOUS) {
		d->stuck = true;
		km_verdict_says(d,
				"%s.permissions is not what its role implies, and KVM treated most "
				"of this vCPU's faults as spurious",
				t->context);
		km_evidence_counters(c, d);
	} else {
		km_verdict_says(d, "%s.permissions is not what its role implies%s", t->context,
				c->has_panel ? "; this fault does not depend on it" : "");
	}
}

static void judge_other_table(const struct km_perm_table *t, struct km_diagnosis *d)
{
	if (t->spte)
		km_verdict_says(d, "%s.permissions is not what its role implies", t->context);
	else
		km_verdict_says(d,
				"%s.%s is not what its role implies: KVM misinterprets the guest's "
				"own page tables; it does not consult this table for SPTEs",
				t->context, km_table_differences(t) ? "permissions" : "pkru_mask");
}

/*
 * The permission table of one context contradicts its role: it is corrupted, regardless of what the
 * vCPU does. It explains why the vCPU makes no progress only if KVM consults this table for this
 * fault and gets the wrong result.
 */
bool km_rule_perm_table_mismatch(const struct km_case *c, bool moving, struct km_diagnosis *d)
{
	const struct km_perm_table *asked = c->mmu ? km_spte_table(&c->all, c->mmu) : NULL;
	const struct km_perm_table *t = differing_table(c, d);

	if (!t)
		return false;
	d->certainty = KM_PROVEN;
	if (t == asked)
		judge_asked_table(c, t, d);
	else
		judge_other_table(t, d);
	if (km_tables_being_filled(c)) {
		d->certainty = KM_NOTE;
		d->stuck = d->advise = false;
		km_leaves_open(
			d, "whether the mismatch persists: its thread is in a function that writes "
			   "the role and the table, which differ until it has written both");
	} else if (moving) {
		d->certainty = KM_LIKELY;
		km_leaves_open(d, "whether the mismatch is real: the role and the table were read "
				  "one after the other while the target ran; the same difference "
				  "in a second sample proves it");
	}
	return true;
}

bool km_diagnose_perm_table_mismatch(const struct km_case *c, struct km_diagnosis *d)
{
	return km_rule_perm_table_mismatch(c, km_memory_target(c->kernel->mem)->moving, d);
}
